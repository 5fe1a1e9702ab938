// SPDX-License-Identifier: Apache-2.0
// RoundAggregate: one round's updates joined to one, then the next global model. Memory of a rule
// that streams: one int64 per weight, whatever the number of sites. Of one that sees all updates
// together: a few MiB, whatever the model. Models and updates pass through in blocks. Owned by the
// job's worker, one thread at a time. Updates were checked before.
#pragma once

#include <memory>
#include <vector>

#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/tensor/value_stream.h"
#include "coordinator/aggregation/exact_sum.h"
#include "coordinator/aggregation/joint_update.h"
#include "coordinator/aggregation/rule.h"
#include "coordinator/aggregation/schedule.h"
#include "coordinator/aggregation/server_optimizer.h"
#include "coordinator/aggregation/update_set.h"

namespace tributary {

struct AggregateOutcome {
  double update_norm = 0.0;    // L2 of the joint update
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
  // `updates_max`: sites that may be in the round. `seed`: what a rule draws by lot follows from
  // it; the same for the round whenever it is made.
  static Result<std::unique_ptr<RoundAggregate>> open(const AggregationSpec& spec,
                                                      const Layout& layout,
                                                      std::uint64_t updates_max,
                                                      std::uint64_t seed = 0,
                                                      ParallelFor parallel = one_after_another);

  // `share` of kFullShare: how much a late update counts. Where the rule streams, the update is
  // read now; if that fails, a part of it is in the sum, which is of no more use. Otherwise
  // finish() opens it, as often as need be, and every update counts in full.
  Status add(UpdateFacts facts, OpenUpdate open, std::uint32_t share = kFullShare);
  // The same of an update that is open; for rules that stream.
  Status add(ValueSource& update, std::uint64_t examples, std::uint32_t share = kFullShare);
  std::uint64_t updates() const { return rule_.streams() ? sum_.terms() : together_.size(); }
  // Whether finish() opens the updates; otherwise each is in the sum once it was added.
  bool reads_at_the_end() const { return !rule_.streams(); }
  const ServerOptimizer& optimizer() const { return optimizer_; }
  // Leaves the updates as they are: can be called again. `round`, from 1 on, is for the schedule of
  // the learning rate. kInvalidArgument: the rule is not defined for these updates, and will not be
  // the next time.
  Result<AggregateOutcome> finish(const RoundStreams& streams, RoundNumber round = 1) const;

 private:
  struct Parts {
    const AggregationRule& rule;
    const PreAggregator& before;
    const ServerOptimizer& optimizer;
    const LearningRateSchedule& schedule;
  };
  RoundAggregate(AggregationSpec spec, const Parts& parts, Layout layout, ExactSum sum,
                 std::uint64_t seed, ParallelFor parallel)
      : spec_(std::move(spec)),
        rule_(parts.rule),
        before_(parts.before),
        optimizer_(parts.optimizer),
        schedule_(parts.schedule),
        layout_(std::move(layout)),
        seed_(seed),
        parallel_(std::move(parallel)),
        sum_(std::move(sum)) {}
  // Null where the rule streams.
  Result<std::unique_ptr<JointUpdate>> open_joint() const;

  AggregationSpec spec_;
  const AggregationRule& rule_;
  const PreAggregator& before_;
  const ServerOptimizer& optimizer_;
  const LearningRateSchedule& schedule_;
  Layout layout_;
  std::uint64_t seed_;
  ParallelFor parallel_;
  ExactSum sum_;        // where the rule streams
  UpdateSet together_;  // where it does not
  std::uint64_t examples_ = 0;
};

}  // namespace tributary
