// SPDX-License-Identifier: Apache-2.0
// UploadGrants: which uploads run at the same time, first come, first served; so a thousand sites
// that are done at once need no more memory than a few, and none is passed over. Each takes a part
// of a budget: what of it can be on its way between the network and where it lies. Those that may
// lie in memory wait for room there as long as those that have it are fast; else they go to the
// disk beside the others: a site on a slow link holds up nobody for long. The engine's thread; it
// knows no link.
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
  // For the next place in memory to become free: what a fast upload takes and more, and far below
  // any deadline of a round.
  static Milliseconds memory_wait(std::uint64_t bytes);

  UploadGrants(std::uint64_t budget_bytes, Staging& staging, const Clock& clock)
      : budget_(budget_bytes), staging_(staging), clock_(clock) {}

  // `start` is called when the upload's turn comes, perhaps before this returns; not after end().
  Ticket ask(const BlobRef& blob, Lodging lodging, std::function<void()> start);
  // It is over, or not wanted any more. Fine if it has ended.
  void end(Ticket ticket);
  void pass_time();
  std::optional<TimePoint> next_wake() const;  // when pass_time() is due

  std::size_t running() const { return running_.size(); }
  std::size_t waiting() const { return waiting_.size() + for_memory_.size(); }

 private:
  struct Upload {
    Ticket ticket;
    BlobRef blob;
    std::function<void()> start;
    TimePoint asked;
    bool in_memory = false;  // has a place there
  };
  static std::uint64_t cost(const Upload& upload);
  void start_next();

  std::uint64_t budget_;
  Staging& staging_;
  const Clock& clock_;
  TimePoint place_freed_;
  std::uint64_t used_ = 0;
  Ticket last_ = 0;
  bool starting_ = false;
  std::map<Ticket, Upload> running_;
  std::deque<Upload> for_memory_;  // oldest first, as in:
  std::deque<Upload> waiting_;
};

}  // namespace tributary
