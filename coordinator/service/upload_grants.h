// SPDX-License-Identifier: Apache-2.0
// UploadGrants: which uploads run at the same time. Each takes a part of a budget of memory: what
// of it can be on its way between the network and the disk. Others wait, first come, first served;
// so a thousand sites that are done at once need no more memory than a few, and none is passed
// over. The engine's thread; it knows no link.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

namespace tributary {

class UploadGrants {
 public:
  using Ticket = std::uint64_t;

  explicit UploadGrants(std::uint64_t budget_bytes) : budget_(budget_bytes) {}

  // An upload of so many bytes. `start` is called when its turn comes, perhaps before this returns;
  // not after end().
  Ticket ask(std::uint64_t bytes, std::function<void()> start);
  // It is over, or not wanted any more. Fine if it has ended.
  void end(Ticket ticket);

  std::size_t running() const { return running_.size(); }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Upload {
    Ticket ticket;
    std::uint64_t cost;
    std::function<void()> start;
  };
  void start_next();

  std::uint64_t budget_;
  std::uint64_t used_ = 0;
  Ticket last_ = 0;
  bool starting_ = false;
  std::map<Ticket, std::uint64_t> running_;  // what each takes of the budget
  std::deque<Upload> waiting_;
};

}  // namespace tributary
