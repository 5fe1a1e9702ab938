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
  EXPECT_FALSE(partition_rows({PartitionKind::kShards, 6, 2, 0.5, 1}, labels(10)));
  EXPECT_FALSE(partition_rows({PartitionKind::kIid, 0, 2, 0.5, 1}, labels(10)));
}

TEST(Partition, NoRowIsLostWherePartsAreUneven) {
  for (const PartitionKind kind : {PartitionKind::kIid, PartitionKind::kShards}) {
    const auto sites = partition_rows({kind, 7, 3, 0.5, 3}, labels(1003));
    ASSERT_TRUE(sites);
    expect_each_once(*sites, 1003);
    for (const auto& site : *sites) EXPECT_NEAR(static_cast<double>(site.size()), 143.3, 3.0);
  }
}

// Dirichlet(a, ..., a) over k sites: a share has mean 1/k and variance (k-1) / (k^2 (k a + 1)).
TEST(Partition, DirichletSharesHaveTheirMoments) {
  constexpr std::size_t kSites = 4, kLabels = 2000, kRowsOfLabel = 50;
  std::vector<std::int64_t> all(kLabels * kRowsOfLabel);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::int64_t>(i % kLabels);
  }
  for (const double alpha : {0.5, 3.0}) {
    const auto sites = partition_rows({PartitionKind::kDirichlet, kSites, 2, alpha, 3}, all);
    ASSERT_TRUE(sites);
    std::vector<double> of_label(kLabels);
    for (const std::size_t row : (*sites)[0]) {
      of_label[static_cast<std::size_t>(all[row])] += 1.0 / kRowsOfLabel;
    }
    double mean = 0.0, squares = 0.0;
    for (const double share : of_label) {
      mean += share / kLabels;
      squares += share * share / kLabels;
    }
    EXPECT_NEAR(mean, 0.25, 0.02);
    EXPECT_NEAR(squares - mean * mean, 3.0 / (16.0 * (4.0 * alpha + 1.0)), 0.004) << alpha;
  }
}

TEST(Partition, DirichletGivesEachSiteAFewRowsOrSaysSo) {
  // At this alpha a label goes to one site whole, and its gamma variates are all below double's
  // range.
  std::vector<std::int64_t> all(1000);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i % 100);
  const auto sites = partition_rows({PartitionKind::kDirichlet, 5, 2, 1e-4, 3}, all);
  ASSERT_TRUE(sites);
  expect_each_once(*sites, 1000);
  for (const auto& site : *sites) EXPECT_EQ(site.size() % 10, 0u) << "labels of ten rows";
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto few = partition_rows({PartitionKind::kDirichlet, 5, 2, 0.1, seed}, labels(200));
    ASSERT_TRUE(few);
    for (const auto& site : *few) EXPECT_GE(site.size(), 10u);
  }
  EXPECT_FALSE(
      partition_rows({PartitionKind::kDirichlet, 3, 2, 1e-4, 3}, std::vector<std::int64_t>(100, 1)))
      << "one label cannot reach three sites";
  EXPECT_FALSE(partition_rows({PartitionKind::kDirichlet, 3, 2, 0.0, 3}, labels(100)));
}

TEST(Partition, TakesRows) {
  const ExampleSet whole{{2}, 3, {1, 2, 3, 4, 5, 6}, {0, 1, 2}, {}};
  const ExampleSet taken = take_rows(whole, {2, 0});
  EXPECT_EQ(taken.inputs, (std::vector<float>{5, 6, 1, 2}));
  EXPECT_EQ(taken.labels, (std::vector<std::int64_t>{2, 0}));
}

}  // namespace
}  // namespace tributary
