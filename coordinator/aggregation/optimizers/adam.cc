// SPDX-License-Identifier: Apache-2.0
// FedAdam (Reddi et al. 2021): v = beta2 * v + (1 - beta2) * d^2.
#include "coordinator/aggregation/optimizers/adaptive.h"

namespace tributary {
namespace {

void step(const ServerStep& step) {
  const double beta2 = option<double>(step.options, "beta2");
  const double rest2 = 1.0 - beta2;
  step_with_moments(step,
                    [beta2, rest2](double v, double square) { return beta2 * v + rest2 * square; });
}

}  // namespace

const ServerOptimizer& adam_server_optimizer() {
  static constexpr ServerOptimizer kOptimizer{
      "adam", "FedAdam (Reddi et al. 2021), without bias correction", kMoments, &step};
  return kOptimizer;
}

}  // namespace tributary
