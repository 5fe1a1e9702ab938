// SPDX-License-Identifier: Apache-2.0
// AggregationRule: a plug-in that says how much an update counts in the sum. Factories are
// constants, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

struct AggregationRule {
  std::string_view name;
  std::string_view help;
  // The integer weight of an update of `examples` rows: 1 to spec.example_cap.
  std::uint64_t (*weight)(const AggregationSpec& spec, std::uint64_t examples);
};

std::span<const AggregationRule* const> rule_table();  // generated
Result<const AggregationRule*> find_rule(std::string_view name);

}  // namespace tributary
