// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/round_aggregate.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/assert.h"
#include "common/tensor/kernels.h"

namespace tributary {
namespace {

// Exactly `into`; a file that ends before is not what it was.
Status read_all(ValueSource& from, std::span<float> into, const char* what) {
  TRIB_TRY(count, from.read(into));
  if (count == into.size()) return {};
  return make_error(ErrorCode::kDataLoss, std::string(what) + " is shorter than its layout");
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
  ExactSum sum(rule->streams() ? layout.element_count() : 0, scale);
  return std::unique_ptr<RoundAggregate>(new RoundAggregate(
      spec, *rule, *before, *optimizer, layout, std::move(sum), seed, std::move(parallel)));
}

bool RoundAggregate::keeps_state() const { return optimizer_.has_state; }

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

Result<AggregateOutcome> RoundAggregate::finish(const RoundStreams& streams) const {
  if (updates() == 0) return make_error(ErrorCode::kFailedPrecondition, "no update was accepted");
  if (streams.base.layout() != layout_ || (streams.state && streams.state->layout() != layout_)) {
    return make_error(ErrorCode::kDataLoss,
                      "the model or the server optimiser's state has another layout than before");
  }
  TRIB_TRY(joint, open_joint());
  const std::size_t all = layout_.element_count(), size = std::min(kBlockValues, all);
  std::vector<double> mean(size);
  std::vector<float> weights(size), state(optimizer_.has_state ? size : 0);
  double squares = 0.0;
  for (std::size_t at = 0; at < all; at += size) {
    const std::size_t count = std::min(size, all - at);
    const auto mean_part = std::span(mean).first(count);
    const auto weights_part = std::span(weights).first(count);
    const auto state_part = std::span(state).first(optimizer_.has_state ? count : 0);
    if (joint) {
      TRIB_CHECK_OK(joint->next(mean_part));
    } else {
      sum_.mean(at, mean_part);
    }
    for (const double value : mean_part) squares += value * value;
    TRIB_CHECK_OK(read_all(streams.base, weights_part, "the model"));
    std::ranges::fill(state_part, 0.0f);
    if (streams.state)
      TRIB_CHECK_OK(read_all(*streams.state, state_part, "the server optimiser's state"));
    optimizer_.step(spec_.server_optimizer.options, mean_part, weights_part, state_part);
    if (!std::ranges::all_of(weights_part, [](float value) { return std::isfinite(value); })) {
      return make_error(ErrorCode::kFailedPrecondition,
                        "the new global model is not finite; lower the learning rates");
    }
    TRIB_CHECK_OK(streams.model.write(weights_part));
    if (optimizer_.has_state) TRIB_CHECK_OK(streams.next_state->write(state_part));
  }
  return AggregateOutcome{std::sqrt(squares), examples_};
}

}  // namespace tributary
