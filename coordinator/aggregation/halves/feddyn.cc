// SPDX-License-Identifier: Apache-2.0
// FedDyn (Acar et al. 2021, algorithm 1): h -= alpha * |P| / m * mean update;
// theta += mean update - h / alpha.
#include "common/domain/options.h"
#include "coordinator/aggregation/server_half.h"

namespace tributary {
namespace {

void step(const ServerHalfStep& step) {
  const double alpha = option<double>(step.options, "alpha");
  const std::span<float> h = step.states[0];
  for (std::size_t i = 0; i < h.size(); ++i) {
    h[i] = static_cast<float>(static_cast<double>(h[i]) - alpha * step.share * step.joint[i]);
    step.joint[i] -= static_cast<double>(h[i]) / alpha;
  }
}

}  // namespace

const ServerHalf& feddyn_server_half() {
  static constexpr StateVector kState[] = {{"h"}};
  static constexpr ServerHalf kHalf{
      "feddyn", "The mean of the sites' gradients, which moves the global model", kState, "",
      &step};
  return kHalf;
}

}  // namespace tributary
