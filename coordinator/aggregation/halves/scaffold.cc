// SPDX-License-Identifier: Apache-2.0
// SCAFFOLD (Karimireddy et al. 2020, algorithm 1): c += |S| / N * mean(c_i+ - c_i). The global step
// size is that of the server optimiser.
#include "coordinator/aggregation/server_half.h"

namespace tributary {
namespace {

void step(const ServerHalfStep& step) {
  const std::span<float> control = step.states[0];
  for (std::size_t i = 0; i < control.size(); ++i) {
    control[i] = static_cast<float>(static_cast<double>(control[i]) + step.share * step.beside[i]);
  }
}

}  // namespace

const ServerHalf& scaffold_server_half() {
  static constexpr StateVector kState[] = {{"control"}};
  static constexpr ServerHalf kHalf{
      "scaffold", "The mean of the sites' control variates, which every site is sent", kState,
      "control", &step};
  return kHalf;
}

}  // namespace tributary
