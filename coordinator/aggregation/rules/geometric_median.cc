// SPDX-License-Identifier: Apache-2.0
// RFA (Pillutla, Kakade, Harchaoui 2022, "Robust Aggregation for Federated Learning", algorithm 2):
// smoothed Weiszfeld, v = sum(beta_i x_i) / sum(beta_i), beta_i = w_i / max(smoothing, |x_i - v|),
// from the mean on. v is a combination of the updates all the way, so an iteration takes n^2 steps.
#include <algorithm>
#include <numeric>

#include "common/domain/options.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

void normalise(std::vector<double>& factors) {
  const double sum = std::accumulate(factors.begin(), factors.end(), 0.0);
  for (double& factor : factors) factor /= sum;
}

Result<std::vector<double>> factors(const OptionMap& options, const RowFacts& rows) {
  const double smoothing = option<double>(options, "smoothing");
  const std::vector<double> weights =
      option<bool>(options, "weighted") ? rows.weights : std::vector<double>(rows.rows(), 1.0);
  std::vector<double> factors = weights;
  normalise(factors);
  for (std::int64_t left = option<std::int64_t>(options, "iterations"); left > 0; --left) {
    const std::vector<double> distances = distances_to(rows, factors);
    const std::vector<double> before = factors;
    for (std::size_t i = 0; i < factors.size(); ++i)
      factors[i] = weights[i] / std::max(smoothing, distances[i]);
    normalise(factors);
    if (factors == before) break;  // it stays there
  }
  return factors;
}

}  // namespace

const AggregationRule& geometric_median_rule() {
  static constexpr AggregationRule kRule{"geometric_median",
                                         "The point with the least sum of distances",
                                         CombinedRule{true, &factors}};
  return kRule;
}

}  // namespace tributary
