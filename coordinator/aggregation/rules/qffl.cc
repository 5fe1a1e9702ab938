// SPDX-License-Identifier: Apache-2.0
// q-FedAvg (Li, Sanjabi, Beirami, Smith 2020, "Fair Resource Allocation in Federated Learning",
// algorithm 2). With L = 1 / learning_rate and an update u = local - global (the paper's dw is -L
// u), the global model moves by sum(F^q L u) / sum(q F^(q-1) |L u|^2 + L F^q), F the loss of a
// site: the one that it trained with, as no site evaluates the global model first. With q = 0 it is
// the mean.
#include <algorithm>
#include <cmath>

#include "common/domain/options.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

// Keeps F^(q-1) finite where a site has nothing left to learn, as the paper's program does.
constexpr double kLossMin = 1e-10;

// Losses are divided by the largest, which cancels but for one place, so that no power overflows.
Result<std::vector<double>> factors(const OptionMap& options, const RowFacts& rows) {
  const double q = option<double>(options, "q");
  const double lipschitz = 1.0 / option<double>(options, "learning_rate");
  const double largest = std::max(std::ranges::max(rows.losses), kLossMin);
  std::vector<double> factors(rows.rows());
  double sum = 0.0;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double loss = std::max(rows.losses[i] / largest, kLossMin);
    const double square = rows.norms[i] * rows.norms[i];
    factors[i] = std::pow(loss, q);
    sum += q * std::pow(loss, q - 1.0) * lipschitz * square / largest + factors[i];
  }
  for (double& factor : factors) factor /= sum;
  return factors;
}

}  // namespace

const AggregationRule& qffl_rule() {
  static constexpr AggregationRule kRule{"qffl", "Sites with a larger loss count more",
                                         CombinedRule{false, &factors}};
  return kRule;
}

}  // namespace tributary
