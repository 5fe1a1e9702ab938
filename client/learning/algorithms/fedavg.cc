// SPDX-License-Identifier: Apache-2.0
#include "client/learning/algorithm.h"

namespace tributary {

const ClientAlgorithm& fedavg_algorithm() {
  static constexpr ClientAlgorithm kAlgorithm{
      "fedavg", "plain local training (McMahan et al. 2017)",
      [](const AlgorithmStart&) { return std::unique_ptr<AlgorithmRun>(); }};
  return kAlgorithm;
}

}  // namespace tributary
