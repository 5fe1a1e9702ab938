// SPDX-License-Identifier: Apache-2.0
// RoundAggregate: one round's updates folded into one exact sum, then the next global model.
// Memory: one int64 per weight, whatever the number of sites; models and updates pass through in
// blocks. Owned by the job's worker, one thread at a time. Updates were checked before.
#pragma once

#include <memory>
#include <vector>

#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/tensor/value_stream.h"
#include "coordinator/aggregation/exact_sum.h"
#include "coordinator/aggregation/rule.h"
#include "coordinator/aggregation/schedule.h"
#include "coordinator/aggregation/server_optimizer.h"

namespace tributary {

struct AggregateOutcome {
  double update_norm = 0.0;    // L2 of the mean update
  std::uint64_t examples = 0;  // of all updates, without the cap
};

// Where the next model comes from and goes to.
struct RoundStreams {
  ValueSource& base;
  ValueSink& model;
  // Of the server optimiser, one for each of optimizer().state: those of the round before, none
  // before the first round.
  std::vector<ValueSource*> states = {};
  std::vector<ValueSink*> next_states = {};
};

class RoundAggregate {
 public:
  // `updates_max`: sites that may be in the round.
  static Result<std::unique_ptr<RoundAggregate>> open(const AggregationSpec& spec,
                                                      const Layout& layout,
                                                      std::uint64_t updates_max);

  // `share` of kFullShare: how much a late update counts. If it fails, because the update cannot be
  // read, a part of it is in the sum, which is of no more use.
  Status add(ValueSource& update, std::uint64_t examples, std::uint32_t share = kFullShare);
  std::uint64_t updates() const { return sum_.terms(); }
  const ServerOptimizer& optimizer() const { return optimizer_; }
  // Leaves the sum as it is: can be called again. `round`, from 1 on, is for the schedule of the
  // learning rate.
  Result<AggregateOutcome> finish(const RoundStreams& streams, RoundNumber round = 1) const;

 private:
  RoundAggregate(AggregationSpec spec, const AggregationRule& rule,
                 const ServerOptimizer& optimizer, const LearningRateSchedule& schedule,
                 Layout layout, ExactSum sum)
      : spec_(std::move(spec)),
        rule_(rule),
        optimizer_(optimizer),
        schedule_(schedule),
        layout_(std::move(layout)),
        sum_(std::move(sum)) {}

  AggregationSpec spec_;
  const AggregationRule& rule_;
  const ServerOptimizer& optimizer_;
  const LearningRateSchedule& schedule_;
  Layout layout_;
  ExactSum sum_;
  std::uint64_t examples_ = 0;
};

}  // namespace tributary
