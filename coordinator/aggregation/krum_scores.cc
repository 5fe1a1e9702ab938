// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/krum_scores.h"

#include <algorithm>

#include "coordinator/aggregation/rule.h"

namespace tributary {

std::vector<std::size_t> krum_order(const RowFacts& rows, std::span<const std::size_t> among,
                                    std::size_t byzantine) {
  // Bulyan takes rows away until so few are left that n - f - 2 would be none.
  const std::size_t neighbours = among.size() > byzantine + 3 ? among.size() - byzantine - 2 : 1;
  std::vector<double> scores(rows.rows());
  std::vector<double> distances;
  for (const std::size_t i : among) {
    distances.clear();
    for (const std::size_t j : among) {
      if (j != i) distances.push_back(squared_distance(rows, i, j));
    }
    std::ranges::sort(distances);
    for (std::size_t k = 0; k < std::min(neighbours, distances.size()); ++k)
      scores[i] += distances[k];
  }
  std::vector<std::size_t> order(among.begin(), among.end());
  std::ranges::stable_sort(order, {}, [&scores](std::size_t i) { return scores[i]; });
  return order;
}

std::size_t krum_rows_min(const OptionMap& options) { return 2 * byzantine_of(options) + 3; }

}  // namespace tributary
