// SPDX-License-Identifier: Apache-2.0
// ServerOptimizer: a plug-in that turns the mean update of a round into the next global model
// (Reddi et al. 2021, "Adaptive Federated Optimization", algorithm 2, with the mean update as the
// negative gradient). Factories are constants, any thread.
#pragma once

#include <span>
#include <string_view>

#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"

namespace tributary {

struct ServerOptimizer {
  std::string_view name;
  std::string_view help;
  bool has_state;
  // Adds to `weights` in place. `state` has the size of the model where has_state, zeros before the
  // first round.
  void (*step)(const OptionMap& options, std::span<const double> mean_update,
               std::span<float> weights, std::span<float> state);
};

std::span<const ServerOptimizer* const> server_optimizer_table();  // generated
Result<const ServerOptimizer*> find_server_optimizer(std::string_view name);

}  // namespace tributary
