// SPDX-License-Identifier: Apache-2.0
// Bucketing (Karimireddy et al. 2022, "Byzantine-robust learning on heterogeneous datasets via
// bucketing", algorithm 1): the updates in an order drawn by lot, cut into buckets of `size`, and
// the mean of each; the last may be smaller. The lot follows from the round's seed.
#include <algorithm>

#include "common/base/random_source.h"
#include "common/domain/options.h"
#include "coordinator/aggregation/pre_aggregator.h"
#include "coordinator/aggregation/rule.h"

namespace tributary {
namespace {

Matrix mix(const OptionMap& options, const RowFacts& updates, std::uint64_t seed) {
  const std::size_t count = updates.rows();
  const auto size = static_cast<std::size_t>(option<std::int64_t>(options, "size"));
  std::vector<std::size_t> order = all_rows(count);
  SeededRandom random(derive_seed(seed, "bucketing"));
  random.shuffle(order);
  Matrix mix((count + size - 1) / size, count);
  for (std::size_t bucket = 0; bucket < mix.rows; ++bucket) {
    const std::size_t first = bucket * size, last = std::min(first + size, count);
    for (std::size_t k = first; k < last; ++k)
      mix.at(bucket, order[k]) = 1.0 / static_cast<double>(last - first);
  }
  return mix;
}

}  // namespace

const PreAggregator& bucketing_pre_aggregator() {
  static constexpr PreAggregator kBucketing{"bucketing", "Means of updates thrown together by lot",
                                            false, [](const OptionMap&) { return std::size_t{1}; },
                                            &mix};
  return kBucketing;
}

}  // namespace tributary
