// SPDX-License-Identifier: Apache-2.0
// FLTrust (Cao, Fang, Liu, Gong 2021, "FLTrust: Byzantine-robust Federated Learning via Trust
// Bootstrapping", algorithm 2). With x_0 the update of the root, which a party that is trusted
// trained on clean data, each other update has the trust score TS_i = max(0, cos(x_i, x_0)), and
// the joint update is sum(TS_i |x_0| / |x_i| x_i) / sum(TS_i): the root's direction decides who
// counts, its length how far the model goes, and its own update is no part of it. Rows of training
// data count nothing. Where no update goes the root's way, or the root's own is zero, the joint
// update is zero.
#include <algorithm>
#include <cmath>

#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Result<std::vector<double>> factors(const OptionMap&, const RowFacts& rows) {
  if (!rows.root) {
    return make_error(ErrorCode::kInvalidArgument,
                      "fltrust needs the update of its root, and it is not among these");
  }
  const std::size_t root = *rows.root;
  const auto length = [&rows](std::size_t i) {
    return std::sqrt(std::max(rows.products.at(i, i), 0.0));
  };
  std::vector<double> factors(rows.rows());
  double trust = 0.0;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double aligned = rows.products.at(i, root);
    if (i == root || aligned <= 0.0) continue;
    // A product above zero is of two updates that are not zero.
    const double score = std::min(aligned / length(i) / length(root), 1.0);
    factors[i] = score * length(root) / length(i);
    trust += score;
  }
  if (trust == 0.0) return factors;
  for (double& factor : factors) factor /= trust;
  return factors;
}

// The root's, and one that it is held against.
std::size_t rows_min(const OptionMap&) { return 2; }

}  // namespace

const AggregationRule& fltrust_rule() {
  static constexpr AggregationRule kRule{
      "fltrust", "Mean of the updates, weighted by how far they go the way of a trusted one",
      CombinedRule{true, &factors}, &rows_min};
  return kRule;
}

}  // namespace tributary
