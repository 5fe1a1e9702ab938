// SPDX-License-Identifier: Apache-2.0
#include "client/learning/algorithm.h"

namespace tributary {

const ClientAlgorithm& fedavg_algorithm() {
  static constexpr ClientAlgorithm kAlgorithm{
      "fedavg", "plain local training (McMahan et al. 2017)",
      [](const OptionMap&) { return AdjustGradient{}; }};
  return kAlgorithm;
}

}  // namespace tributary
