// SPDX-License-Identifier: Apache-2.0
// Centered clipping (Karimireddy, He, Jaggi 2021, "Learning from History for Byzantine Robust
// Optimization", algorithm 2): v += mean of (x_i - v) min(1, radius / |x_i - v|), again and again.
// It starts from v = 0: updates are differences to the global model, which is what the round before
// agreed on.
#include <algorithm>

#include "common/domain/options.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Result<std::vector<double>> factors(const OptionMap& options, const RowFacts& rows) {
  const double asked = option<double>(options, "radius");
  const double radius = asked > 0.0 ? asked : median_of(rows.norms);
  const auto count = static_cast<double>(rows.rows());
  std::vector<double> factors(rows.rows());
  for (std::int64_t left = option<std::int64_t>(options, "iterations"); left > 0; --left) {
    const std::vector<double> distances = distances_to(rows, factors);
    std::vector<double> steps(rows.rows());
    double sum = 0.0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      steps[i] = (distances[i] > radius ? radius / distances[i] : 1.0) / count;
      sum += steps[i];
    }
    for (std::size_t i = 0; i < steps.size(); ++i) factors[i] += steps[i] - factors[i] * sum;
  }
  return factors;
}

}  // namespace

const AggregationRule& centered_clipping_rule() {
  static constexpr AggregationRule kRule{"centered_clipping",
                                         "Mean of the updates, each clipped to a ball",
                                         CombinedRule{true, &factors}};
  return kRule;
}

}  // namespace tributary
