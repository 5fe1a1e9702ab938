// SPDX-License-Identifier: Apache-2.0
// Bulyan of Krum (El Mhamdi, Guerraoui, Rouault 2018, "The Hidden Vulnerability of Distributed
// Learning in Byzantium", section 4): theta = n - 2 f updates, each the winner of Krum among those
// left; then per coordinate the mean of the theta - 2 f values nearest to their median. n >= 4 f
// + 3.
#include <algorithm>

#include "coordinator/aggregation/krum_scores.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Result<ColumnPlan> plan(const OptionMap& options, const RowFacts& rows) {
  const std::size_t byzantine = byzantine_of(options);
  const std::size_t theta = rows.rows() - 2 * byzantine;
  std::vector<std::size_t> left = all_rows(rows.rows()), selected;
  while (selected.size() < theta) {
    selected.push_back(krum_order(rows, left, byzantine)[0]);
    std::erase(left, selected.back());
  }
  std::ranges::sort(selected);
  const std::size_t keep = theta - 2 * byzantine;
  return ColumnPlan{std::move(selected), [keep, sorting = sorting_network(theta)](
                                             const RowBlock& block, std::span<double> into) {
                      means_near_median(block, sorting, keep, into);
                    }};
}

}  // namespace

const AggregationRule& bulyan_rule() {
  static constexpr AggregationRule kRule{
      "bulyan", "Krum again and again, then the mean near the median", ColumnRule{true, &plan},
      [](const OptionMap& options) { return 4 * byzantine_of(options) + 3; }};
  return kRule;
}

}  // namespace tributary
