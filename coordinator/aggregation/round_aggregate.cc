// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/round_aggregate.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/assert.h"
#include "common/domain/options.h"
#include "common/tensor/kernels.h"

namespace tributary {
namespace {

// Exactly `into`; a file that ends before is not what it was.
Status read_all(ValueSource& from, std::span<float> into, const char* what) {
  TRIB_TRY(count, from.read(into));
  if (count == into.size()) return {};
  return make_error(ErrorCode::kDataLoss, std::string(what) + " is shorter than its layout");
}

// The server optimiser's state, a block at a time.
class StateBlocks {
 public:
  StateBlocks(const ServerOptimizer& optimizer, const OptionMap& options,
              const RoundStreams& streams, std::size_t block)
      : optimizer_(optimizer), options_(options), streams_(streams) {
    blocks_.resize(optimizer.state.size(), std::vector<float>(block));
  }

  // The next `count` values of each vector.
  Status read(std::size_t count) {
    parts_.clear();
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      parts_.push_back(std::span(blocks_[i]).first(count));
      const auto initial = optimizer_.state[i].initial;
      if (streams_.states.empty()) {
        std::ranges::fill(parts_[i], initial != nullptr ? initial(options_) : 0.0f);
      } else {
        TRIB_CHECK_OK(read_all(*streams_.states[i], parts_[i], "the server optimiser's state"));
      }
    }
    return {};
  }
  Status write() const {
    for (std::size_t i = 0; i < parts_.size(); ++i)
      TRIB_CHECK_OK(streams_.next_states[i]->write(parts_[i]));
    return {};
  }
  std::span<const std::span<float>> parts() const { return parts_; }

 private:
  const ServerOptimizer& optimizer_;
  const OptionMap& options_;
  const RoundStreams& streams_;
  std::vector<std::vector<float>> blocks_;
  std::vector<std::span<float>> parts_;
};

bool states_fit(const RoundStreams& streams, const ServerOptimizer& optimizer,
                const Layout& layout) {
  TRIB_ASSERT(streams.next_states.size() == optimizer.state.size(), "a place for each state");
  return (streams.states.empty() || streams.states.size() == optimizer.state.size()) &&
         std::ranges::all_of(streams.states, [&layout](const ValueSource* state) {
           return state->layout() == layout;
         });
}

}  // namespace

Result<std::unique_ptr<RoundAggregate>> RoundAggregate::open(const AggregationSpec& spec,
                                                             const Layout& layout,
                                                             std::uint64_t updates_max,
                                                             std::uint64_t seed,
                                                             ParallelFor parallel) {
  TRIB_TRY(scale, plan_scale(spec.coordinate_bound, spec.example_cap, updates_max));
  TRIB_TRY(rule, find_rule(spec.rule.name));
  TRIB_TRY(before, find_pre_aggregator(spec.before.name));
  TRIB_TRY(optimizer, find_server_optimizer(spec.server_optimizer.name));
  TRIB_TRY(schedule, find_schedule(spec.schedule.name));
  ExactSum sum(rule->streams() ? layout.element_count() : 0, scale);
  return std::unique_ptr<RoundAggregate>(new RoundAggregate(
      spec, {*rule, *before, *optimizer, *schedule}, layout, std::move(sum), seed,
      std::move(parallel)));
}

Status RoundAggregate::add(UpdateFacts facts, OpenUpdate open, std::uint32_t share) {
  if (rule_.streams()) {
    TRIB_TRY(update, open());
    return add(*update, facts.examples, share);
  }
  TRIB_ASSERT(share == kFullShare, "a late update beside others that the rule sees together");
  const std::uint64_t examples = facts.examples;
  const auto weight =
      static_cast<double>(std::clamp<std::uint64_t>(examples, 1, spec_.example_cap));
  TRIB_CHECK_OK(together_.add(std::move(facts), weight, std::move(open)));
  examples_ += examples;
  return {};
}

Status RoundAggregate::add(ValueSource& update, std::uint64_t examples, std::uint32_t share) {
  TRIB_ASSERT(rule_.streams(), "an update that cannot be read again");
  if (update.layout() != layout_)
    return make_error(ErrorCode::kDataLoss, layout_difference(layout_, update.layout()));
  const std::uint64_t weight = std::get<StreamedRule>(rule_.how).weight(spec_, examples);
  std::vector<float> block(std::min(kBlockValues, sum_.size()));
  for (std::size_t at = 0; at < sum_.size(); at += block.size()) {
    const auto part = std::span(block).first(std::min(block.size(), sum_.size() - at));
    TRIB_CHECK_OK(read_all(update, part, "the update"));
    sum_.add_part(at, part, weight, share);
  }
  sum_.end_term(weight);
  examples_ += examples;
  return {};
}

Result<std::unique_ptr<JointUpdate>> RoundAggregate::open_joint() const {
  if (rule_.streams()) return std::unique_ptr<JointUpdate>();
  return JointUpdate::open({rule_, before_}, spec_, together_, layout_, seed_, parallel_);
}

Result<AggregateOutcome> RoundAggregate::finish(const RoundStreams& streams,
                                                RoundNumber round) const {
  if (updates() == 0) return make_error(ErrorCode::kFailedPrecondition, "no update was accepted");
  if (streams.base.layout() != layout_ || !states_fit(streams, optimizer_, layout_)) {
    return make_error(ErrorCode::kDataLoss,
                      "the model or the server optimiser's state has another layout than before");
  }
  TRIB_TRY(joint, open_joint());
  const std::size_t all = layout_.element_count(), size = std::min(kBlockValues, all);
  std::vector<double> mean(size);
  std::vector<float> weights(size);
  const OptionMap& options = spec_.server_optimizer.options;
  StateBlocks state(optimizer_, options, streams, size);
  const double rate =
      option<double>(options, "learning_rate") * schedule_factor(schedule_, spec_, round);
  double squares = 0.0;
  for (std::size_t at = 0; at < all; at += size) {
    const std::size_t count = std::min(size, all - at);
    const auto mean_part = std::span(mean).first(count);
    const auto weights_part = std::span(weights).first(count);
    if (joint) {
      TRIB_CHECK_OK(joint->next(mean_part));
    } else {
      sum_.mean(at, mean_part);
    }
    for (const double value : mean_part) squares += value * value;
    TRIB_CHECK_OK(read_all(streams.base, weights_part, "the model"));
    TRIB_CHECK_OK(state.read(count));
    optimizer_.step({options, rate, mean_part, weights_part, state.parts()});
    if (!std::ranges::all_of(weights_part, [](float value) { return std::isfinite(value); })) {
      return make_error(ErrorCode::kFailedPrecondition,
                        "the new global model is not finite; lower the learning rates");
    }
    TRIB_CHECK_OK(streams.model.write(weights_part));
    TRIB_CHECK_OK(state.write());
  }
  return AggregateOutcome{std::sqrt(squares), examples_};
}

}  // namespace tributary
