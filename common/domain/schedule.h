// SPDX-License-Identifier: Apache-2.0
// LearningRateSchedule: a plug-in that gives the factor on a learning rate in each round: that of
// the server's optimiser, and that of the sites'. By + - * / only: two machines get the same bits,
// which std::pow and std::cos do not promise. Factories are constants, any thread.
#pragma once

#include <span>
#include <string_view>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/domain/plugin_choice.h"

namespace tributary {

struct LearningRateSchedule {
  std::string_view name;
  std::string_view help;
  // Rounds after the warm-up: `s` of them are over, of `rounds`; s < rounds.
  double (*factor)(const OptionMap& options, std::uint32_t s, std::uint32_t rounds);
};

std::span<const LearningRateSchedule* const> schedule_table();  // generated
Result<const LearningRateSchedule*> find_schedule(std::string_view name);

// Of round `round`, from 1 on. In the first `warmup` rounds it rises in equal steps, then the
// schedule goes over the rest of the planned rounds. Rounds beyond the plan keep the factor of its
// last, so that more rounds for a running job are never rounds that learn nothing.
double schedule_factor(const LearningRateSchedule& schedule, const OptionMap& options,
                       std::uint32_t planned_rounds, RoundNumber round);

// base^exponent by squaring.
double whole_power(double base, std::uint32_t exponent);

}  // namespace tributary
