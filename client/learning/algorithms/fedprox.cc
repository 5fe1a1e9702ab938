// SPDX-License-Identifier: Apache-2.0
#include "client/learning/algorithm.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// The gradient of mu/2 * |w - w_global|^2, the proximal term of Li et al. 2020 (arXiv 1812.06127).
AdjustGradient make_fedprox(const OptionMap& options) {
  const float mu = static_cast<float>(option<double>(options, "mu"));
  return [mu](std::span<float> gradient, std::span<const float> weights,
              std::span<const float> global) {
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += mu * (weights[i] - global[i]);
  };
}

}  // namespace

const ClientAlgorithm& fedprox_algorithm() {
  static constexpr ClientAlgorithm kAlgorithm{
      "fedprox", "a pull towards the global model, for unlike sites", make_fedprox};
  return kAlgorithm;
}

}  // namespace tributary
