// SPDX-License-Identifier: Apache-2.0
// RoundAggregate: one round's updates joined to one, then the next global model. Memory of a rule
// that streams: one int64 per value of an update and a MiB, whatever the number of sites. Of
// one that sees all updates together: a few MiB, whatever the model. Models and updates pass
// through in blocks. Owned by the job's worker, one thread at a time. Updates were checked before.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "common/base/assert.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/tensor/value_stream.h"
#include "coordinator/aggregation/exact_sum.h"
#include "coordinator/aggregation/joint_update.h"
#include "coordinator/aggregation/private_mean.h"
#include "coordinator/aggregation/rule.h"
#include "common/domain/schedule.h"
#include "coordinator/aggregation/server_half.h"
#include "coordinator/aggregation/server_optimizer.h"
#include "coordinator/aggregation/update_set.h"

namespace tributary {

struct AggregateOutcome {
  double update_norm = 0.0;    // L2 of the joint update
  std::uint64_t examples = 0;  // of all updates, without the cap
  double next_clip = 0.0;      // where the mean is private for sites
};

// Where the next model comes from and goes to.
struct RoundStreams {
  ValueSource& base;
  ValueSink& model;
  // One for each of states(): those of the round before, none before the first round.
  std::vector<ValueSource*> states = {};
  std::vector<ValueSink*> next_states = {};
};

// What is kept from round to round, and whose it is.
struct KeptState {
  const StateVector* vector;
  std::string_view owner;    // the name of the optimiser or the algorithm
  bool of_algorithm;         // or of the server optimiser
  const OptionMap* options;  // the owner's
};

class RoundAggregate {
 public:
  // `updates_max`: sites that may be in the round. `seed`: what a rule draws by lot follows from
  // it; the same for the round whenever it is made. `memory`: of an earlier round's sum. `privacy`:
  // for whole sites; only where the rule streams and the algorithm has no half at the server.
  static Result<std::unique_ptr<RoundAggregate>> open(
      const AggregationSpec& spec, const Layout& layout, std::uint64_t updates_max,
      std::uint64_t seed = 0, ParallelFor parallel = one_after_another,
      ExactSum::Memory memory = {}, std::unique_ptr<PrivateMean> privacy = {});
  // For the next round's sum; this one is of no more use.
  ExactSum::Memory take_memory() { return std::move(sum_).take_memory(); }

  // `update`: open, before its first value. Where the rule streams, it is read now; if that fails,
  // a part of it is in the sum, which is of no more use. Otherwise finish() opens it `again`, as
  // often as need be, and every update counts in full. `share` of kFullShare: how much a late one
  // counts.
  Status add(UpdateFacts facts, ValueSource& update, OpenUpdate again,
             std::uint32_t share = kFullShare);
  // For rules that stream, where the mean is not private.
  Status add(ValueSource& update, std::uint64_t examples, std::uint32_t share = kFullShare);
  std::uint64_t updates() const { return rule_.streams() ? sum_.terms() : together_.size(); }
  // Whether finish() opens the updates; otherwise each is in the sum once it was added.
  bool reads_at_the_end() const { return !rule_.streams(); }
  // The server optimiser's, then those of the algorithm's half at the server.
  const std::vector<KeptState>& states() const { return states_; }
  // Before finish(), where the private mean's noise is of sums over rounds.
  void use_noise(TreeNoise noise) {
    TRIB_ASSERT(privacy_ != nullptr, "noise of sites that are not hidden");
    privacy_->use(std::move(noise));
  }
  // Leaves the updates as they are: can be called again, with fresh noise if any. `round`, from 1
  // on, is for the schedule of the learning rate. `weight_all`: what all sites of the job weigh; 0:
  // those of the round are all. kInvalidArgument: the rule is not defined for these updates, and
  // will not be the next time.
  Result<AggregateOutcome> finish(const RoundStreams& streams, RoundNumber round = 1,
                                  std::uint64_t weight_all = 0) const;

 private:
  struct Parts {
    const AggregationRule& rule;
    const PreAggregator& before;
    const ServerOptimizer& optimizer;
    const LearningRateSchedule& schedule;
    const ServerHalf* half;
  };
  class Blocks;
  RoundAggregate(AggregationSpec spec, const Parts& parts, Layout layout, ExactSum sum,
                 std::uint64_t seed, ParallelFor parallel, std::unique_ptr<PrivateMean> privacy);
  struct Term {
    double factor;  // of its values
    std::uint64_t weight;
  };
  Status fold(ValueSource& update, std::uint64_t examples, const Term& term);
  // Null where the rule streams.
  Result<std::unique_ptr<JointUpdate>> open_joint() const;

  AggregationSpec spec_;
  const AggregationRule& rule_;
  const PreAggregator& before_;
  const ServerOptimizer& optimizer_;
  const LearningRateSchedule& schedule_;
  const ServerHalf* half_;  // null: the algorithm has none
  Layout layout_;           // of the model
  Layout update_layout_;
  std::vector<KeptState> states_;
  std::uint64_t seed_;
  ParallelFor parallel_;
  ExactSum sum_;                          // where the rule streams
  UpdateSet together_;                    // where it does not
  std::unique_ptr<PrivateMean> privacy_;  // null: no site is hidden
  std::uint64_t examples_ = 0;
};

}  // namespace tributary
