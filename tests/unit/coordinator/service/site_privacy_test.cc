// SPDX-License-Identifier: Apache-2.0
// What rounds cost, against formulas that are written out here and against published figures.
#include "coordinator/service/site_privacy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/privacy/accounting/rdp.h"
#include "tests/support/epsilon_by_hand.h"

namespace tributary {
namespace {

using testing::HasSubstr;

SitePrivacy promise(double z, double max_epsilon) {
  return {.noise_multiplier = z, .delta = 1e-5, .max_epsilon = max_epsilon, .adaptive = {}};
}

TEST(SitePrivacy, RoundsCostWhatAnIndependentAccountantSays) {
  for (const double z : {0.8, 1.0, 4.0}) {
    for (const RoundNumber rounds : {1u, 2u, 25u}) {
      const auto spent = spent_after(promise(z, 1.0), rounds, 0.5);
      ASSERT_TRUE(spent);
      EXPECT_EQ(spent->clip, 0.5);
      EXPECT_NEAR(spent->epsilon / epsilon_by_hand(rounds / (2 * z * z), 1e-5), 1.0, 0.01);
      EXPECT_NEAR(spent->with_next / epsilon_by_hand((rounds + 1) / (2 * z * z), 1e-5), 1.0, 0.01);
      EXPECT_GT(spent->with_next, spent->epsilon);
    }
  }
  EXPECT_EQ(spent_after(promise(1.0, 1.0), 0, 1.0)->epsilon, 0.0) << "nothing is out yet";
  // TensorFlow Privacy's figure for two steps of 0.7, dp_accounting's for a hundred of 10.
  EXPECT_NEAR(spent_after(promise(0.7, 1.0), 2, 1.0)->epsilon, 10.8602036, 1e-4);
  EXPECT_NEAR(spent_after(promise(10.0, 1.0), 100, 1.0)->epsilon, 4.7285, 1e-3);
  EXPECT_FALSE(spent_after(promise(1e-4, 1.0), 1, 1.0)) << "no accountant takes so little noise";
}

SitePrivacy over_rounds(double z, double max_epsilon, std::uint32_t rounds_per_pass) {
  SitePrivacy tree = promise(z, max_epsilon);
  tree.mechanism = SiteMechanism::kTree;
  tree.rounds_per_pass = rounds_per_pass;
  return tree;
}

// A site has a part in one node of each height of its tree, and in one tree of each pass: a
// Gaussian mechanism whose sensitivity is the root of the sum of the heights. Those are counted
// here.
double rho_of_trees(RoundNumber rounds, std::uint32_t rounds_per_pass, double z) {
  double nodes = 0.0;
  for (RoundNumber done = 0; done < rounds; done += rounds_per_pass) {
    const RoundNumber leaves = std::min(rounds_per_pass, rounds - done);
    for (RoundNumber width = 1; width <= leaves; width *= 2) nodes += 1.0;
  }
  return nodes / (2 * z * z);
}

TEST(SitePrivacy, PassesCostWhatTheirTreesAreDeep) {
  for (const std::uint32_t rounds_per_pass : {2u, 7u, 8u, 100u}) {
    double before = 0.0;
    for (const RoundNumber rounds : {1u, 2u, 6u, 7u, 8u, 9u, 16u, 99u, 100u, 250u}) {
      SCOPED_TRACE(std::to_string(rounds) + " in passes of " + std::to_string(rounds_per_pass));
      const auto spent = spent_after(over_rounds(5.0, 1.0, rounds_per_pass), rounds, 1.0);
      ASSERT_TRUE(spent) << spent.error().message;
      EXPECT_NEAR(
          spent->epsilon / epsilon_by_hand(rho_of_trees(rounds, rounds_per_pass, 5.0), 1e-5), 1.0,
          0.01);
      EXPECT_NEAR(
          spent->with_next / epsilon_by_hand(rho_of_trees(rounds + 1, rounds_per_pass, 5.0), 1e-5),
          1.0, 0.01);
      EXPECT_GE(spent->epsilon, before);
      EXPECT_GE(spent->with_next, spent->epsilon);
      before = spent->epsilon;
    }
  }
  const double hundred = spent_after(over_rounds(5.0, 1.0, 100), 100, 1.0)->epsilon;
  EXPECT_LT(hundred, spent_after(promise(5.0, 1.0), 100, 1.0)->epsilon / 2)
      << "which is what it is for";
  EXPECT_EQ(spent_after(over_rounds(5.0, 1.0, 4), 0, 1.0)->epsilon, 0.0);
}

TEST(SitePrivacy, ABudgetTooSmallForAPassIsToldWhatWouldDo) {
  JobSpec spec;
  spec.rounds.rounds = 20;
  spec.privacy.sites = over_rounds(0.5, 1.0, 8);
  const auto refused = spent_at_start(spec);
  ASSERT_FALSE(refused);
  const std::string named = "it takes noise_multiplier ";
  const std::size_t at = refused.error().message.find(named);
  ASSERT_NE(at, std::string::npos) << refused.error().message;
  const double enough = std::stod(refused.error().message.substr(at + named.size()));
  EXPECT_NEAR(epsilon_by_hand(rho_of_trees(20, 8, enough), 1e-5), 1.0, 0.02);
}

TEST(SitePrivacy, ABudgetThatLastsForNoRoundIsRefusedWithWhatWouldDo) {
  JobSpec spec;
  EXPECT_FALSE(spent_at_start(spec)->has_value()) << "the job hides no sites";
  spec.rounds.rounds = 10;
  spec.privacy.sites = promise(0.5, 1.0);
  const auto refused = spent_at_start(spec);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("one round costs epsilon"));
  const std::string named = "it takes noise_multiplier ";
  const std::size_t at = refused.error().message.find(named);
  ASSERT_NE(at, std::string::npos) << refused.error().message;
  const double enough = std::stod(refused.error().message.substr(at + named.size()));
  EXPECT_NEAR(epsilon_by_hand(10 / (2 * enough * enough), 1e-5), 1.0, 0.02);
  spec.privacy.sites = promise(enough * 1.01, 1.0);
  const auto good = spent_at_start(spec);
  ASSERT_TRUE(good && *good);
  EXPECT_EQ((*good)->epsilon, 0.0);
  EXPECT_EQ((*good)->clip, 1.0);
}

TEST(SitePrivacy, JobsOnADatasetAddUp) {
  const std::vector<SiteSpending> ledger = {{"d", JobId{"a"}, 4, 2.0, 1e-5, 0, 0},
                                            {"d", JobId{"b"}, 9, 3.0, 1e-6, 0, 0}};
  const double rho = 4 / (2 * 4.0) + 9 / (2 * 9.0);
  EXPECT_NEAR(*epsilon_of_all(ledger, 1e-5) / epsilon_by_hand(rho, 1e-5), 1.0, 0.01);
  EXPECT_EQ(*epsilon_of_all({}, 1e-5), 0.0);
  std::vector<SiteSpending> with_passes = ledger;
  with_passes.push_back({"d", JobId{"c"}, 21, 4.0, 1e-5, 0, 0, 8});
  EXPECT_NEAR(
      *epsilon_of_all(with_passes, 1e-5) / epsilon_by_hand(rho + rho_of_trees(21, 8, 4.0), 1e-5),
      1.0, 0.01);
}

}  // namespace
}  // namespace tributary
