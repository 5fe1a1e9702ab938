// SPDX-License-Identifier: Apache-2.0
// weights += learning_rate * mean update; with learning rate 1 this is plain FedAvg.
#include "coordinator/aggregation/server_optimizer.h"

namespace tributary {
namespace {

void step(const ServerStep& step) {
  const double rate = step.learning_rate;
  const std::span<const double> mean_update = step.mean_update;
  const std::span<float> weights = step.weights;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<float>(static_cast<double>(weights[i]) + rate * mean_update[i]);
  }
}

}  // namespace

const ServerOptimizer& sgd_server_optimizer() {
  static constexpr ServerOptimizer kOptimizer{
      "sgd", "weights += learning_rate * mean update", {}, &step};
  return kOptimizer;
}

}  // namespace tributary
