// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sharing_graph.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/random_source.h"
#include "common/crypto/digest.h"

namespace tributary {
namespace {

const Digest kRoster = sha256(as_bytes("roster"));

TEST(SharingGraphTest, OfFewIsComplete) {
  const SharingGraph graph(4, *plan_sharing(4, {.dropout = 0}), kRoster);
  EXPECT_EQ(graph.neighbours(2), (std::vector<std::size_t>{0, 1, 3}));
  MemberSet some(4);
  some.add(2);
  some.add(3);
  EXPECT_EQ(graph.neighbours(2, some), (std::vector<std::size_t>{3}));
}

TEST(SharingGraphTest, OfManyIsARingOfItsDegreeInWhichNeighboursAreMutual) {
  const SharingPlan plan = *plan_sharing(200, {.adversarial = 0.05, .dropout = 0.05});
  ASSERT_FALSE(plan.complete);
  const SharingGraph graph(200, plan, kRoster);
  for (std::size_t i = 0; i < 200; ++i) {
    const auto neighbours = graph.neighbours(i);
    EXPECT_EQ(neighbours.size(), plan.degree);
    EXPECT_TRUE(std::ranges::is_sorted(neighbours));
    EXPECT_EQ(std::ranges::adjacent_find(neighbours), neighbours.end());
    for (const std::size_t other : neighbours)
      EXPECT_TRUE(std::ranges::count(graph.neighbours(other), i) == 1) << i << ' ' << other;
  }
}

TEST(SharingGraphTest, FollowsTheRosterAlone) {
  const SharingPlan plan = *plan_sharing(200, {.adversarial = 0.05, .dropout = 0.05});
  const SharingGraph one(200, plan, kRoster), same(200, plan, kRoster);
  const SharingGraph other(200, plan, sha256(as_bytes("another")));
  EXPECT_EQ(one.neighbours(7), same.neighbours(7));
  EXPECT_NE(one.neighbours(7), other.neighbours(7));
}

TEST(SharingGraphTest, TooFewSurvivorsAreAFault) {
  const CohortRisks risks{.adversarial = 0.1, .dropout = 0.2};
  const SharingGraph graph(10, *plan_sharing(10, risks), kRoster);
  MemberSet eight = MemberSet::all(10);
  eight.remove(0);
  eight.remove(1);
  EXPECT_FALSE(graph.fault_of(eight, risks, 3));
  EXPECT_TRUE(graph.fault_of(eight, risks, 9)) << "a policy may want more";
  eight.remove(2);
  const auto fault = graph.fault_of(eight, risks, 3);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->reason, SumAbortReason::kSurvivorsTooFew);
}

TEST(SharingGraphTest, RandomDropoutsOfASparseGraphAreNone) {
  const CohortRisks risks{.adversarial = 0.05, .dropout = 0.05};
  const SharingGraph graph(300, *plan_sharing(300, risks), kRoster);
  SeededRandom random(5);
  for (int trial = 0; trial < 200; ++trial) {
    MemberSet survivors = MemberSet::all(300);
    for (int i = 0; i < 15; ++i) survivors.remove(random.uniform_below(300));
    EXPECT_FALSE(graph.fault_of(survivors, risks, 3));
  }
}

TEST(MemberSetTest, KeepsItsBits) {
  MemberSet set(11);
  set.add(0);
  set.add(10);
  EXPECT_EQ(*MemberSet::from_bitmap(set.bitmap(), 11), set);
  EXPECT_EQ(set.count(), 2u);
  EXPECT_FALSE(MemberSet::from_bitmap(set.bitmap(), 10)) << "a bit beyond the members";
  EXPECT_FALSE(MemberSet::from_bitmap(set.bitmap(), 17)) << "too few bits";
  EXPECT_TRUE(MemberSet::all(11).includes(set));
  EXPECT_FALSE(set.includes(MemberSet::all(11)));
}

}  // namespace
}  // namespace tributary
