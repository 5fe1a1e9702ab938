// SPDX-License-Identifier: Apache-2.0
// UploadGrants: which uploads run at the same time, first come, first served; so a thousand sites
// that are done at once need no more memory than a few, and none is passed over. Each takes a part
// of a budget: what of it can be on its way between the network and where it lies. Those that may
// lie in memory wait a while for room there, and then go to the disk beside the others: a site on
// a slow link that has the room holds up nobody for longer. The engine's thread; it knows no link.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "common/base/clock.h"
#include "coordinator/service/site_port.h"
#include "coordinator/service/staging.h"

namespace tributary {

class UploadGrants {
 public:
  using Ticket = std::uint64_t;
  // Far above what a fast upload takes that has the room, far below any deadline of a round.
  static constexpr Milliseconds kMemoryWait{2'000};

  UploadGrants(std::uint64_t budget_bytes, Staging& staging)
      : budget_(budget_bytes), staging_(staging) {}

  // `start` is called when the upload's turn comes, perhaps before this returns; not after end().
  Ticket ask(TimePoint now, const BlobRef& blob, Lodging lodging, std::function<void()> start);
  // It is over, or not wanted any more. Fine if it has ended.
  void end(Ticket ticket);
  void pass_time(TimePoint now);
  std::optional<TimePoint> next_wake() const;  // when pass_time() is due

  std::size_t running() const { return running_.size(); }
  std::size_t waiting() const { return waiting_.size() + for_memory_.size(); }

 private:
  struct Upload {
    Ticket ticket;
    BlobRef blob;
    std::function<void()> start;
    TimePoint asked;
  };
  static std::uint64_t cost(const Upload& upload);
  void start_next();

  std::uint64_t budget_;
  Staging& staging_;
  std::uint64_t used_ = 0;
  Ticket last_ = 0;
  bool starting_ = false;
  std::map<Ticket, Upload> running_;
  std::deque<Upload> for_memory_;  // oldest first, as in:
  std::deque<Upload> waiting_;
};

}  // namespace tributary
