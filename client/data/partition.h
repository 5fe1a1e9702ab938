// SPDX-License-Identifier: Apache-2.0
// Divides one set of examples into virtual sites, for tributary-simulate. Plain functions, any
// thread; the same seed gives the same division.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "client/data/example_set.h"
#include "common/base/result.h"

namespace tributary {

enum class PartitionKind {
  kIid,        // shuffled, equal parts
  kShards,     // sorted by label, cut into shards, so many shards a site (McMahan et al. 2017)
  kDirichlet,  // each label's rows in shares drawn from Dirichlet(alpha) (Hsu et al. 2019)
};

struct PartitionSpec {
  PartitionKind kind = PartitionKind::kIid;
  std::size_t sites = 1;
  std::size_t shards_per_site = 2;
  double alpha = 0.5;
  std::uint64_t seed = 1;
};

// Row indexes of each site: every row exactly once; parts and shards are equal up to one row, and
// Dirichlet draws are repeated until each site has ten rows. `labels`: one for each row, which kIid
// does not look at.
Result<std::vector<std::vector<std::size_t>>> partition_rows(const PartitionSpec& spec,
                                                             std::span<const std::int64_t> labels);

// A copy of these rows; where the rows of `from` lie in a store, so do they.
ExampleSet take_rows(const ExampleSet& from, const std::vector<std::size_t>& rows);
// Only these rows stay, in place: no second copy of them. `rows` ascend.
void keep_rows(ExampleSet& examples, const std::vector<std::size_t>& rows);

}  // namespace tributary
