// SPDX-License-Identifier: Apache-2.0
// FedYogi (Reddi et al. 2021): v = v - (1 - beta2) * d^2 * sign(v - d^2), so v falls no faster than
// the squares allow, however large it was. It stays positive: where it falls, v > d^2.
#include "coordinator/aggregation/optimizers/adaptive.h"

namespace tributary {
namespace {

void step(const ServerStep& step) {
  const double rest2 = 1.0 - option<double>(step.options, "beta2");
  step_with_moments(step, [rest2](double v, double square) {
    const double falls = v > square ? 1.0 : 0.0;
    const double rises = v < square ? 1.0 : 0.0;
    return v - rest2 * square * (falls - rises);
  });
}

}  // namespace

const ServerOptimizer& yogi_server_optimizer() {
  static constexpr ServerOptimizer kOptimizer{
      "yogi", "FedYogi (Reddi et al. 2021): as adam, but large steps come back slowly", kMoments,
      &step};
  return kOptimizer;
}

}  // namespace tributary
