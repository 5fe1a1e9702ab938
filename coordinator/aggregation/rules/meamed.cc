// SPDX-License-Identifier: Apache-2.0
// MeaMed, the mean around the median (Xie, Koyejo, Gupta 2018, "Generalized Byzantine-tolerant
// SGD"): per coordinate, the mean of the n - f values that are nearest to the median.
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Result<ColumnPlan> plan(const OptionMap& options, const RowFacts& rows) {
  const std::size_t keep = rows.rows() - byzantine_of(options);
  return ColumnPlan{all_rows(rows.rows()), [keep, sorting = sorting_network(rows.rows())](
                                               const RowBlock& block, std::span<double> into) {
                      means_near_median(block, sorting, keep, into);
                    }};
}

}  // namespace

const AggregationRule& meamed_rule() {
  static constexpr AggregationRule kRule{
      "meamed", "Mean of each weight over the values near its median", ColumnRule{false, &plan},
      [](const OptionMap& options) { return 2 * byzantine_of(options) + 1; }};
  return kRule;
}

}  // namespace tributary
