// SPDX-License-Identifier: Apache-2.0
// The step that FedAdam and FedYogi share (Reddi et al. 2021, algorithm 2), inside this folder:
//   m = beta1 * m + (1 - beta1) * d, v = next_v(v, d^2), weights += rate * m / (sqrt(v) + tau)
// for the mean update d, from m = 0 and v = tau^2. The paper corrects no bias of m and v, so the
// first steps are shorter than those of Adam; neither does this. Any thread.
//
// The state is float32, the arithmetic float64. That costs v at most 2^-24 of itself each round: in
// 100 000 rounds, and if all roundings went one way, 0.6 % of v and 0.3 % of the step.
#pragma once

#include <cmath>

#include "common/domain/options.h"
#include "coordinator/aggregation/server_optimizer.h"

namespace tributary {

inline float tau_squared(const OptionMap& options) {
  const double tau = option<double>(options, "tau");
  return static_cast<float>(tau * tau);
}

inline constexpr StateVector kMoments[] = {{"m"}, {"v", &tau_squared}};

template <typename NextV>
void step_with_moments(const ServerStep& step, NextV next_v) {
  const double rate = step.learning_rate;
  const double tau = option<double>(step.options, "tau");
  const double beta1 = option<double>(step.options, "beta1");
  const double rest1 = 1.0 - beta1;
  const std::span<const double> mean_update = step.mean_update;
  const std::span<float> weights = step.weights, m = step.states[0], v = step.states[1];
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double d = mean_update[i];
    m[i] = static_cast<float>(beta1 * static_cast<double>(m[i]) + rest1 * d);
    v[i] = static_cast<float>(next_v(static_cast<double>(v[i]), d * d));
    weights[i] = static_cast<float>(static_cast<double>(weights[i]) +
                                    rate * static_cast<double>(m[i]) /
                                        (std::sqrt(static_cast<double>(v[i])) + tau));
  }
}

}  // namespace tributary
