// SPDX-License-Identifier: Apache-2.0
// ErrandRun: one order carried out by one child, from its start to its end. It hears what the child
// tells, tells it what the parent wants, and ends it when time is over. Made for one run() on one
// thread. It reads no answers.
#pragma once

#include <optional>

#include "client/confined/confined_learner.h"
#include "client/confined/order.h"

namespace tributary {

class ErrandRun {
 public:
  // What the caller wants to hear of a training; null for other errands. Outlives this.
  ErrandRun(const ConfinedLearner::Ports& ports, const std::function<bool()>& should_stop,
            const TrainRequest* training)
      : ports_(ports), should_stop_(should_stop), training_(training) {}

  // The answer's bytes, at most so many.
  Result<Bytes> run(const OrderHead& head, const OrderArrays& arrays, std::uint64_t bytes_max);

 private:
  Result<Bytes> converse(Channel& channel, std::uint64_t bytes_max);
  Status tell_wishes(Channel& channel);
  Status hear(const ChannelFrame& frame);
  bool over();
  Error why_it_ended(const Error& error, ChildProcess& child) const;

  const ConfinedLearner::Ports& ports_;
  const std::function<bool()>& should_stop_;
  const TrainRequest* training_;
  TimePoint started_;
  std::optional<TimePoint> stopped_;  // when the caller wanted an end
  bool working_ = false;              // the module is loaded
  bool late_ = false;                 // it was not within its time
  bool checkpoint_asked_ = false;
};

}  // namespace tributary
