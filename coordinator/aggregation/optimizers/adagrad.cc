// SPDX-License-Identifier: Apache-2.0
// FedAdagrad (Reddi et al. 2021, algorithm 2, with beta1 = 0 as in the paper's experiments, so that
// m is the mean update d itself): v = v + d^2, weights += rate * d / (sqrt(v) + tau).
#include "coordinator/aggregation/optimizers/adaptive.h"

namespace tributary {
namespace {

void step(const ServerStep& step) {
  const double rate = step.learning_rate;
  const double tau = option<double>(step.options, "tau");
  const std::span<const double> mean_update = step.mean_update;
  const std::span<float> weights = step.weights, v = step.states[0];
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double d = mean_update[i];
    v[i] = static_cast<float>(static_cast<double>(v[i]) + d * d);
    weights[i] = static_cast<float>(static_cast<double>(weights[i]) +
                                    rate * d / (std::sqrt(static_cast<double>(v[i])) + tau));
  }
}

}  // namespace

const ServerOptimizer& adagrad_server_optimizer() {
  static constexpr StateVector kState[] = {{"v", &tau_squared}};
  static constexpr ServerOptimizer kOptimizer{
      "adagrad", "FedAdagrad (Reddi et al. 2021): steps only become smaller", kState, &step};
  return kOptimizer;
}

}  // namespace tributary
