// SPDX-License-Identifier: Apache-2.0
// Multi-Krum (Blanchard et al. 2017, section 4): the mean of the m updates with the lowest scores,
// m = n - f where the job does not say. The scores are taken once, among all.
#include <string>

#include "common/domain/options.h"
#include "coordinator/aggregation/krum_scores.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Result<std::vector<double>> factors(const OptionMap& options, const RowFacts& rows) {
  const std::size_t byzantine = byzantine_of(options);
  const auto asked = static_cast<std::size_t>(option<std::int64_t>(options, "select"));
  const std::size_t honest = rows.rows() - byzantine;
  if (asked > honest) {
    return make_error(ErrorCode::kInvalidArgument,
                      "multi_krum cannot select " + std::to_string(asked) + " of " +
                          std::to_string(rows.rows()) + " updates with byzantine: " +
                          std::to_string(byzantine) + "; at most " + std::to_string(honest));
  }
  const std::size_t selected = asked == 0 ? honest : asked;
  const auto order = krum_order(rows, all_rows(rows.rows()), byzantine);
  std::vector<double> factors(rows.rows());
  for (std::size_t k = 0; k < selected; ++k)
    factors[order[k]] = 1.0 / static_cast<double>(selected);
  return factors;
}

}  // namespace

const AggregationRule& multi_krum_rule() {
  static constexpr AggregationRule kRule{"multi_krum",
                                         "Mean of the updates with the nearest neighbours",
                                         CombinedRule{true, &factors}, &krum_rows_min};
  return kRule;
}

}  // namespace tributary
