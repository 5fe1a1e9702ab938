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

// What an optimiser keeps from round to round: one value for each weight.
struct StateVector {
  std::string_view name;                    // in the name of its file
  float (*initial)(const OptionMap&) = {};  // every value before the first round; null: 0
};

// One block of a model: all spans have the same size.
struct ServerStep {
  const OptionMap& options;
  double learning_rate;  // of this round: the option's, times the schedule's factor
  std::span<const double> mean_update;
  std::span<float> weights;                  // changed in place
  std::span<const std::span<float>> states;  // in the order of `state`, changed in place
};

struct ServerOptimizer {
  std::string_view name;
  std::string_view help;
  std::span<const StateVector> state;
  // Each weight by itself, and by + - * / and sqrt only, so that blocks, restarts and machines make
  // no difference.
  void (*step)(const ServerStep& step);
};

std::span<const ServerOptimizer* const> server_optimizer_table();  // generated
Result<const ServerOptimizer*> find_server_optimizer(std::string_view name);

}  // namespace tributary
