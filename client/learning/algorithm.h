// SPDX-License-Identifier: Apache-2.0
// ClientAlgorithm: a plug-in that changes what a site's optimiser sees. Factories are constants, any thread; what they
// make belongs to one training. No Torch here: tensors are flat spans. It keeps nothing between rounds.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

// Called before each optimiser step for each parameter tensor; the three spans have the same length.
using AdjustGradient =
    std::function<void(std::span<float> gradient, std::span<const float> weights, std::span<const float> global)>;

struct ClientAlgorithm {
  std::string_view name;
  std::string_view help;
  AdjustGradient (*make)(const OptionMap& options);  // an empty function: gradients stay as they are
};

std::span<const ClientAlgorithm* const> algorithm_table();  // generated
Result<const ClientAlgorithm*> find_algorithm(std::string_view name);

}  // namespace tributary
