// SPDX-License-Identifier: Apache-2.0
// decay^(s / every), rounded down: a stair.
#include "common/domain/options.h"
#include "common/domain/schedule.h"

namespace tributary {

const LearningRateSchedule& step_schedule() {
  static constexpr LearningRateSchedule kSchedule{
      "step", "decay^(s / every, rounded down)",
      [](const OptionMap& options, std::uint32_t s, std::uint32_t) {
        const auto every = static_cast<std::uint32_t>(option<std::int64_t>(options, "every"));
        return whole_power(option<double>(options, "decay"), s / every);
      }};
  return kSchedule;
}

}  // namespace tributary
