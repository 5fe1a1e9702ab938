// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/schedule.h"

#include <algorithm>

#include "common/base/assert.h"
#include "common/domain/options.h"

namespace tributary {

double schedule_factor(const LearningRateSchedule& schedule, const AggregationSpec& spec,
                       RoundNumber round) {
  TRIB_ASSERT(round > 0, "no model is made in round 0");
  const OptionMap& options = spec.schedule.options;
  const auto warmup = static_cast<std::uint32_t>(option<std::int64_t>(options, "warmup"));
  if (round <= warmup) return static_cast<double>(round) / static_cast<double>(warmup + 1);
  const std::uint32_t rounds = std::max(spec.planned_rounds, warmup + 1) - warmup;
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
