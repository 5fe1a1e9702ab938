// SPDX-License-Identifier: Apache-2.0
// The learning rate as it is.
#include "common/domain/schedule.h"

namespace tributary {

const LearningRateSchedule& constant_schedule() {
  static constexpr LearningRateSchedule kSchedule{
      "constant", "1", [](const OptionMap&, std::uint32_t, std::uint32_t) { return 1.0; }};
  return kSchedule;
}

}  // namespace tributary
