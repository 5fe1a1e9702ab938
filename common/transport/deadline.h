// SPDX-License-Identifier: Apache-2.0
// Deadline: runs an action unless it is destroyed in time. A timer alone may still call back after
// cancel(), when its handler was queued already; this does not. On the executor's one thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace tributary {

class Deadline {
 public:
  template <typename Executor>
  Deadline(const Executor& executor, std::chrono::milliseconds limit, std::function<void()> action)
      : timer_(executor, limit),
        state_(std::make_shared<State>(State{true, false, std::move(action)})) {
    timer_.async_wait([state = state_](const boost::system::error_code& cancelled) {
      if (cancelled || !state->armed) return;
      state->passed = true;
      state->action();
    });
  }
  ~Deadline() { state_->armed = false; }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  bool passed() const { return state_->passed; }

 private:
  struct State {
    bool armed;
    bool passed;
    std::function<void()> action;
  };
  boost::asio::steady_timer timer_;
  std::shared_ptr<State> state_;
};

}  // namespace tributary
