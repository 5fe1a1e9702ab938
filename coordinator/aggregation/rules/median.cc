// SPDX-License-Identifier: Apache-2.0
// Coordinate-wise median (Yin et al. 2018, definition 1); of an even number of values, the mean of
// the two in the middle.
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Result<ColumnPlan> plan(const OptionMap&, const RowFacts& rows) {
  const std::size_t drop = (rows.rows() - 1) / 2;
  return ColumnPlan{all_rows(rows.rows()), [drop, parting = parting_network(rows.rows(), drop)](
                                               const RowBlock& block, std::span<double> into) {
                      middle_means(block, parting, drop, into);
                    }};
}

}  // namespace

const AggregationRule& median_rule() {
  static constexpr AggregationRule kRule{"median", "Median of each weight",
                                         ColumnRule{false, &plan}};
  return kRule;
}

}  // namespace tributary
