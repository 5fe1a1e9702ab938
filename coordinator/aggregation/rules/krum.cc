// SPDX-License-Identifier: Apache-2.0
// Krum (Blanchard et al. 2017, section 4): the update with the lowest score, see krum_scores.h.
#include "coordinator/aggregation/krum_scores.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Result<std::vector<double>> factors(const OptionMap& options, const RowFacts& rows) {
  std::vector<double> factors(rows.rows());
  factors[krum_order(rows, all_rows(rows.rows()), byzantine_of(options))[0]] = 1.0;
  return factors;
}

}  // namespace

const AggregationRule& krum_rule() {
  static constexpr AggregationRule kRule{"krum", "The one update with the nearest neighbours",
                                         CombinedRule{true, &factors}, &krum_rows_min};
  return kRule;
}

}  // namespace tributary
