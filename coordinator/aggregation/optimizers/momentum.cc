// SPDX-License-Identifier: Apache-2.0
// FedAvgM (Hsu et al. 2019): velocity = beta * velocity + mean update; weights += learning_rate *
// velocity.
#include "common/domain/options.h"
#include "coordinator/aggregation/server_optimizer.h"

namespace tributary {
namespace {

void step(const ServerStep& step) {
  const double rate = step.learning_rate;
  const double beta = option<double>(step.options, "beta");
  const std::span<const double> mean_update = step.mean_update;
  const std::span<float> weights = step.weights;
  const std::span<float> velocity = step.states[0];
  for (std::size_t i = 0; i < weights.size(); ++i) {
    velocity[i] = static_cast<float>(beta * static_cast<double>(velocity[i]) + mean_update[i]);
    weights[i] = static_cast<float>(static_cast<double>(weights[i]) +
                                    rate * static_cast<double>(velocity[i]));
  }
}

}  // namespace

const ServerOptimizer& momentum_server_optimizer() {
  static constexpr StateVector kState[] = {{"velocity"}};
  static constexpr ServerOptimizer kOptimizer{
      "momentum", "Mean update with momentum beta (FedAvgM)", kState, &step};
  return kOptimizer;
}

}  // namespace tributary
