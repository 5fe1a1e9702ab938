// SPDX-License-Identifier: Apache-2.0
#include "common/domain/schedule.h"

#include <algorithm>
#include <string>

#include "common/base/assert.h"
#include "common/domain/options.h"

namespace tributary {

Result<const LearningRateSchedule*> find_schedule(std::string_view name) {
  std::string known;
  for (const LearningRateSchedule* schedule : schedule_table()) {
    if (schedule->name == name) return schedule;
    known += (known.empty() ? "" : ", ") + std::string(schedule->name);
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "no learning rate schedule '" + std::string(name) + "'; there are: " + known);
}

double schedule_factor(const LearningRateSchedule& schedule, const OptionMap& options,
                       std::uint32_t planned_rounds, RoundNumber round) {
  TRIB_ASSERT(round > 0, "no model is made in round 0");
  // One that no file was read for has no options.
  const auto warmup =
      options.empty() ? 0U : static_cast<std::uint32_t>(option<std::int64_t>(options, "warmup"));
  if (round <= warmup) return static_cast<double>(round) / static_cast<double>(warmup + 1);
  const std::uint32_t rounds = std::max(planned_rounds, warmup + 1) - warmup;
  return schedule.factor(options, std::min(round - 1 - warmup, rounds - 1), rounds);
}

double whole_power(double base, std::uint32_t exponent) {
  double power = 1.0;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) power *= base;
    base *= base;
  }
  return power;
}

}  // namespace tributary
