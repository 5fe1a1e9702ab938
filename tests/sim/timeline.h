// SPDX-License-Identifier: Apache-2.0
// Timeline: what happens when, on a virtual clock. Everything of a simulated federation runs in its
// steps, one after another; things due at the same moment run in the order in which they were asked
// for, so that one seed gives one run. One thread.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/clock.h"

namespace tributary::sim {

// A party's life. What was asked for in a life that has ended does not happen.
class Life {
 public:
  void end() { alive_ = std::make_shared<int>(); }
  std::weak_ptr<int> token() const { return alive_; }

 private:
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

class Timeline {
 public:
  const Clock& clock() const { return clock_; }
  TimePoint now() const { return clock_.now(); }

  void after(Milliseconds wait, const Life& life, std::function<void()> what) {
    push(wait, life.token(), false, std::move(what));
  }
  // Whatever becomes of the parties.
  void after(Milliseconds wait, std::function<void()> what) {
    push(wait, {}, true, std::move(what));
  }

  // The machine slept: nothing happened for so long, and what was due is overdue.
  void jump(Milliseconds time) { clock_.advance(time); }

  // Runs what is due next; false when nothing is, or not before `end`.
  bool step(TimePoint end) {
    while (!due_.empty() && due_.front().at <= end) {
      std::pop_heap(due_.begin(), due_.end(), later);
      Due next = std::move(due_.back());
      due_.pop_back();
      if (!next.always && next.life.expired()) continue;
      if (next.at > clock_.now()) clock_.advance(next.at - clock_.now());
      next.what();
      return true;
    }
    return false;
  }

 private:
  struct Due {
    TimePoint at;
    std::uint64_t order;
    std::weak_ptr<int> life;
    bool always;
    std::function<void()> what;
  };
  static bool later(const Due& a, const Due& b) {
    return std::pair(a.at, a.order) > std::pair(b.at, b.order);
  }
  void push(Milliseconds wait, std::weak_ptr<int> life, bool always, std::function<void()> what) {
    due_.push_back({clock_.now() + wait, next_++, std::move(life), always, std::move(what)});
    std::push_heap(due_.begin(), due_.end(), later);
  }

  ManualClock clock_;
  std::vector<Due> due_;
  std::uint64_t next_ = 0;
};

}  // namespace tributary::sim
