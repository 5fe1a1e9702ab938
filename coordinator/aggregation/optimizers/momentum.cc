// SPDX-License-Identifier: Apache-2.0
// FedAvgM (Hsu et al. 2019): velocity = beta * velocity + mean update; weights += learning_rate *
// velocity.
#include "common/domain/options.h"
#include "coordinator/aggregation/server_optimizer.h"

namespace tributary {
namespace {

void step(const OptionMap& options, std::span<const double> mean_update, std::span<float> weights,
          std::span<float> velocity) {
  const double rate = option<double>(options, "learning_rate");
  const double beta = option<double>(options, "beta");
  for (std::size_t i = 0; i < weights.size(); ++i) {
    velocity[i] = static_cast<float>(beta * static_cast<double>(velocity[i]) + mean_update[i]);
    weights[i] = static_cast<float>(static_cast<double>(weights[i]) +
                                    rate * static_cast<double>(velocity[i]));
  }
}

}  // namespace

const ServerOptimizer& momentum_server_optimizer() {
  static constexpr ServerOptimizer kOptimizer{
      "momentum", "Mean update with momentum beta (FedAvgM)", true, &step};
  return kOptimizer;
}

}  // namespace tributary
