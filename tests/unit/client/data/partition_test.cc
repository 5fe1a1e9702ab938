// SPDX-License-Identifier: Apache-2.0
#include "client/data/partition.h"

#include <gtest/gtest.h>

#include <set>

namespace tributary {
namespace {

std::vector<std::int64_t> labels(std::size_t rows) {
  std::vector<std::int64_t> labels(rows);
  for (std::size_t i = 0; i < rows; ++i) labels[i] = static_cast<std::int64_t>(i * 7 % 10);
  return labels;
}

void expect_each_once(const std::vector<std::vector<std::size_t>>& sites, std::size_t rows) {
  std::set<std::size_t> seen;
  std::size_t count = 0;
  for (const auto& site : sites) {
    seen.insert(site.begin(), site.end());
    count += site.size();
  }
  EXPECT_EQ(seen.size(), rows);
  EXPECT_EQ(count, rows);
}

TEST(Partition, EveryKindGivesEachRowToOneSite) {
  const auto all = labels(1000);
  for (const PartitionKind kind :
       {PartitionKind::kIid, PartitionKind::kShards, PartitionKind::kDirichlet}) {
    const PartitionSpec spec{kind, 10, 2, 0.5, 3};
    const auto sites = partition_rows(spec, all);
    ASSERT_TRUE(sites);
    EXPECT_EQ(sites->size(), 10u);
    expect_each_once(*sites, 1000);
    EXPECT_EQ(*partition_rows(spec, all), *sites) << "the seed decides";
  }
}

// McMahan et al. 2017: two shards of one label each give a site at most two labels where shards do
// not straddle labels.
TEST(Partition, ShardsHaveFewLabels) {
  const auto all = labels(1000);
  const auto sites = partition_rows({PartitionKind::kShards, 10, 2, 0.5, 3}, all);
  for (const auto& site : *sites) {
    std::set<std::int64_t> seen;
    for (const std::size_t row : site) seen.insert(all[row]);
    EXPECT_LE(seen.size(), 2u);
  }
}

TEST(Partition, RefusesMorePartsThanRows) {
  EXPECT_FALSE(partition_rows({PartitionKind::kIid, 11, 2, 0.5, 1}, labels(10)));
}

TEST(Partition, TakesRows) {
  const ExampleSet whole{{2}, 3, {1, 2, 3, 4, 5, 6}, {0, 1, 2}, {}};
  const ExampleSet taken = take_rows(whole, {2, 0});
  EXPECT_EQ(taken.inputs, (std::vector<float>{5, 6, 1, 2}));
  EXPECT_EQ(taken.labels, (std::vector<std::int64_t>{2, 0}));
}

}  // namespace
}  // namespace tributary
