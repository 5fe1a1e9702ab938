// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/dp_event.h"

#include <gtest/gtest.h>

#include <limits>

namespace tributary {
namespace {

constexpr Adjacency kAddRemove = Adjacency::kAddOrRemoveOne, kReplace = Adjacency::kReplaceOne;

TEST(DpEvent, IsCheckedForWhatItMeans) {
  const DpEvent good{DpMechanism::kGaussian, DpSampling::kPoisson, 0.1, 1, 5};
  EXPECT_TRUE(check_event(good, kAddRemove));
  EXPECT_FALSE(check_event(good, kReplace));
  const auto refused = [&](auto change) {
    DpEvent bad = good;
    change(bad);
    return !check_event(bad, kAddRemove);
  };
  EXPECT_TRUE(refused([](DpEvent& e) { e.rate = 0; }));
  EXPECT_TRUE(refused([](DpEvent& e) { e.rate = 1.1; }));
  EXPECT_TRUE(refused([](DpEvent& e) { e.rate = std::numeric_limits<double>::quiet_NaN(); }));
  EXPECT_TRUE(refused([](DpEvent& e) { e.noise_multiplier = 0; }));
  EXPECT_TRUE(
      refused([](DpEvent& e) { e.noise_multiplier = std::numeric_limits<double>::infinity(); }));
  EXPECT_TRUE(refused([](DpEvent& e) { e.steps = 0; }));
  EXPECT_TRUE(refused([](DpEvent& e) { e.sampling = DpSampling::kEverything; }));
  EXPECT_TRUE(refused([](DpEvent& e) { e.sampling = DpSampling::kFixedSize; }));
  EXPECT_TRUE(refused([](DpEvent& e) { e.mechanism = DpMechanism::kTree; }));
  EXPECT_TRUE(refused([](DpEvent& e) { e.trees = 2; }));
  EXPECT_TRUE(refused([](DpEvent& e) { e.trees = 0; }));
}

TEST(DpEvent, ReplacingOneMovesASumTwiceAsFar) {
  const DpEvent event{DpMechanism::kGaussian, DpSampling::kEverything, 1, 3, 5};
  EXPECT_DOUBLE_EQ(relative_noise(event, kAddRemove), 3);
  EXPECT_DOUBLE_EQ(relative_noise(event, kReplace), 1.5);
  EXPECT_EQ(applications_of(event), 5u);
}

TEST(DpEvent, EachStepOfATreeLiesOnAsManyNodesAsItIsDeep) {
  EXPECT_EQ(tree_depth(1), 1u);
  EXPECT_EQ(tree_depth(2), 2u);
  EXPECT_EQ(tree_depth(3), 2u);
  EXPECT_EQ(tree_depth(4), 3u);
  EXPECT_EQ(tree_depth(1600), 11u);
  const DpEvent tree{DpMechanism::kTree, DpSampling::kEverything, 1, 6, 8};
  EXPECT_DOUBLE_EQ(relative_noise(tree, kAddRemove), 3);
  EXPECT_EQ(applications_of(tree), 1u);
  DpEvent five = tree;
  five.trees = 5;
  EXPECT_TRUE(check_event(five, kAddRemove));
  EXPECT_DOUBLE_EQ(relative_noise(five, kAddRemove), 3) << "each has its own noise";
  EXPECT_EQ(applications_of(five), 5u);
}

}  // namespace
}  // namespace tributary
