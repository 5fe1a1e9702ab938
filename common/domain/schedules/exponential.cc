// SPDX-License-Identifier: Apache-2.0
// decay^s.
#include "common/domain/options.h"
#include "common/domain/schedule.h"

namespace tributary {

const LearningRateSchedule& exponential_schedule() {
  static constexpr LearningRateSchedule kSchedule{
      "exponential", "decay^s", [](const OptionMap& options, std::uint32_t s, std::uint32_t) {
        return whole_power(option<double>(options, "decay"), s);
      }};
  return kSchedule;
}

}  // namespace tributary
