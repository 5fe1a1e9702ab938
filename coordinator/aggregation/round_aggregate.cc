// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/round_aggregate.h"

#include <cmath>

#include "coordinator/aggregation/server_optimizer.h"

namespace tributary {

Result<std::unique_ptr<RoundAggregate>> RoundAggregate::open(const AggregationSpec& spec,
                                                             const Layout& layout,
                                                             std::uint64_t updates_max) {
  TRIB_TRY(scale, plan_scale(spec.coordinate_bound, spec.example_cap, updates_max));
  TRIB_TRY(rule, find_rule(spec.rule.name));
  ExactSum sum(layout.element_count(), scale);
  return std::unique_ptr<RoundAggregate>(new RoundAggregate(spec, *rule, std::move(sum)));
}

void RoundAggregate::add(const Model& update, std::uint64_t examples, std::uint32_t share) {
  sum_.add(update.values, rule_.weight(spec_, examples), share);
  examples_ += examples;
}

Result<AggregateOutcome> RoundAggregate::finish(const Model& base,
                                                const std::optional<Model>& state) const {
  if (sum_.terms() == 0)
    return make_error(ErrorCode::kFailedPrecondition, "no update was accepted");
  TRIB_TRY(optimizer, find_server_optimizer(spec_.server_optimizer.name));
  const std::vector<double> mean = sum_.mean();
  AggregateOutcome outcome;
  outcome.model = base;
  outcome.examples = examples_;
  double squares = 0.0;
  for (const double value : mean) squares += value * value;
  outcome.update_norm = std::sqrt(squares);
  std::span<float> state_values;
  if (optimizer->has_state) {
    outcome.optimizer_state =
        state.value_or(Model{base.layout, std::vector<float>(base.values.size())});
    if (outcome.optimizer_state->layout != base.layout) {
      return make_error(ErrorCode::kDataLoss,
                        "the server optimiser's state does not fit the model");
    }
    state_values = outcome.optimizer_state->values;
  }
  optimizer->step(spec_.server_optimizer.options, mean, outcome.model.values, state_values);
  for (const float value : outcome.model.values) {
    if (!std::isfinite(value)) {
      return make_error(ErrorCode::kFailedPrecondition,
                        "the new global model is not finite; lower the learning rates");
    }
  }
  return outcome;
}

}  // namespace tributary
