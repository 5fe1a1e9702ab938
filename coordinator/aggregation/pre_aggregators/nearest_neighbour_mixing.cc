// SPDX-License-Identifier: Apache-2.0
// NNM (Allouah et al. 2023, "Fixing by Mixing", algorithm 2): y_i is the mean of the n - f updates
// nearest to x_i, itself among them.
#include <algorithm>

#include "coordinator/aggregation/pre_aggregator.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Matrix mix(const OptionMap& options, const RowFacts& updates, std::uint64_t) {
  const std::size_t count = updates.rows();
  const std::size_t kept = count - byzantine_of(options);
  Matrix mix(count, count);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::size_t> order = all_rows(count);
    std::ranges::stable_sort(order, {},
                             [&](std::size_t j) { return squared_distance(updates, i, j); });
    for (std::size_t k = 0; k < kept; ++k) mix.at(i, order[k]) = 1.0 / static_cast<double>(kept);
  }
  return mix;
}

}  // namespace

const PreAggregator& nearest_neighbour_mixing_pre_aggregator() {
  static constexpr PreAggregator kMixing{
      "nearest_neighbour_mixing", "Each update becomes the mean of those nearest to it", true,
      [](const OptionMap& options) { return 2 * byzantine_of(options) + 1; }, &mix};
  return kMixing;
}

}  // namespace tributary
