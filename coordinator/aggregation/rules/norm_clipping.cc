// SPDX-License-Identifier: Apache-2.0
// Norm clipping (Sun et al. 2019, "Can You Really Backdoor Federated Learning?"): the mean of
// x_i min(1, bound / |x_i|); without a bound, that is the median of the norms.
#include <algorithm>
#include <numeric>

#include "common/domain/options.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Result<std::vector<double>> factors(const OptionMap& options, const RowFacts& rows) {
  const double asked = option<double>(options, "bound");
  const double bound = asked > 0.0 ? asked : median_of(rows.norms);
  std::vector<double> factors =
      option<bool>(options, "weighted") ? rows.weights : std::vector<double>(rows.rows(), 1.0);
  const double sum = std::accumulate(factors.begin(), factors.end(), 0.0);
  for (std::size_t i = 0; i < factors.size(); ++i)
    factors[i] = factors[i] / sum * (rows.norms[i] > bound ? bound / rows.norms[i] : 1.0);
  return factors;
}

}  // namespace

const AggregationRule& norm_clipping_rule() {
  static constexpr AggregationRule kRule{"norm_clipping",
                                         "Mean of the updates, longer ones shortened to a bound",
                                         CombinedRule{false, &factors}};
  return kRule;
}

}  // namespace tributary
