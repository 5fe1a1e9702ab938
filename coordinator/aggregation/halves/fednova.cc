// SPDX-License-Identifier: Apache-2.0
// FedNova (Wang et al. 2020, equation 9): joint = (sum p_i a_i) * sum p_i (delta_i / a_i). Sites
// divide by a_i / unit and send that too, so the unit drops out.
#include "coordinator/aggregation/server_half.h"

namespace tributary {

const ServerHalf& fednova_server_half() {
  static constexpr ServerHalf kHalf{
      "fednova",
      "The mean of the updates per local step, times the mean number of steps",
      {},
      "",
      [](const ServerHalfStep& step) {
        for (double& value : step.joint) value *= step.value;
      }};
  return kHalf;
}

}  // namespace tributary
