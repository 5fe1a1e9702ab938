// SPDX-License-Identifier: Apache-2.0
// PreAggregator: a plug-in that replaces the updates by means of them before the rule sees them, so
// that sites with unlike data look less like attackers. Factories are constants, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "coordinator/aggregation/row_facts.h"

namespace tributary {

struct PreAggregator {
  std::string_view name;
  std::string_view help;
  bool wants_products;
  std::size_t (*updates_min)(const OptionMap& options);
  // One row for each row that the rule sees, one column for each update; each row sums to 1. Empty:
  // the updates as they are. `seed` is that of the round.
  Matrix (*mix)(const OptionMap& options, const RowFacts& updates, std::uint64_t seed);
};

std::span<const PreAggregator* const> pre_aggregator_table();  // generated
Result<const PreAggregator*> find_pre_aggregator(std::string_view name);

}  // namespace tributary
