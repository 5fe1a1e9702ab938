// SPDX-License-Identifier: Apache-2.0
// weights += learning_rate * mean update; with learning rate 1 this is plain FedAvg.
#include "common/domain/options.h"
#include "coordinator/aggregation/server_optimizer.h"

namespace tributary {
namespace {

void step(const OptionMap& options, std::span<const double> mean_update, std::span<float> weights,
          std::span<float>) {
  const double rate = option<double>(options, "learning_rate");
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<float>(static_cast<double>(weights[i]) + rate * mean_update[i]);
  }
}

}  // namespace

const ServerOptimizer& sgd_server_optimizer() {
  static constexpr ServerOptimizer kOptimizer{"sgd", "weights += learning_rate * mean update",
                                              false, &step};
  return kOptimizer;
}

}  // namespace tributary
