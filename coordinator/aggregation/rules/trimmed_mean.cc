// SPDX-License-Identifier: Apache-2.0
// Coordinate-wise trimmed mean (Yin et al. 2018, definition 2): without the f lowest and the f
// highest values, n > 2 f.
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Result<ColumnPlan> plan(const OptionMap& options, const RowFacts& rows) {
  const std::size_t drop = byzantine_of(options);
  return ColumnPlan{all_rows(rows.rows()), [drop, parting = parting_network(rows.rows(), drop)](
                                               const RowBlock& block, std::span<double> into) {
                      middle_means(block, parting, drop, into);
                    }};
}

}  // namespace

const AggregationRule& trimmed_mean_rule() {
  static constexpr AggregationRule kRule{
      "trimmed_mean", "Mean of each weight without the lowest and highest",
      ColumnRule{false, &plan},
      [](const OptionMap& options) { return 2 * byzantine_of(options) + 1; }};
  return kRule;
}

}  // namespace tributary
