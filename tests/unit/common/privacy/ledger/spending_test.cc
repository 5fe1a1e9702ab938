// SPDX-License-Identifier: Apache-2.0
// What entries cost, against figures that others have published.
#include "common/privacy/ledger/spending.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tributary {
namespace {

// TensorFlow Privacy's tutorial on MNIST: batches of 256 of 60,000, noise 1.3, 3515 steps: epsilon
// 0.9544 at delta 1e-5, by the conversion of Canonne, Kamath and Steinke.
constexpr std::uint64_t kSteps = 3515;
constexpr double kPublished = 0.9544;

LedgerEntry entry(std::uint64_t steps, const std::string& job = "a",
                  const std::string& dataset = "mnist") {
  LedgerEntry made{dataset, JobId{job}, 1, 1, 0, {}, 1e-5};
  made.event = {DpMechanism::kGaussian, DpSampling::kPoisson, 256.0 / 60000, 1.3, steps};
  return made;
}

TEST(Spending, NothingIsSpentByNothing) {
  const auto spent = spent_by({});
  ASSERT_TRUE(spent);
  EXPECT_EQ(spent->epsilon, 0);
}

TEST(Spending, RoundsAddUpToThePublishedFigure) {
  Ledger ledger;
  for (int round = 0; round < 5; ++round) ledger.entries.push_back(entry(kSteps / 5));
  const auto spent = spent_by(ledger.entries);
  ASSERT_TRUE(spent);
  EXPECT_NEAR(spent->epsilon, kPublished, 5e-5);
  EXPECT_EQ(spent->delta, 1e-5);
  ledger.entries.pop_back();
  const auto next = spending_with(ledger, entry(kSteps / 5));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->job.epsilon, spent->epsilon);
  EXPECT_EQ(next->dataset.epsilon, spent->epsilon);
}

TEST(Spending, ADatasetPaysForAllItsJobsAndForNoOther) {
  Ledger ledger;
  ledger.entries = {entry(kSteps, "a"), entry(kSteps, "b"), entry(kSteps, "a", "other")};
  ledger.entries[1].delta = 1e-7;
  const auto alone = spending_with({}, entry(1, "a"));
  const auto next = spending_with(ledger, entry(1, "a"));
  ASSERT_TRUE(alone && next);
  EXPECT_NEAR(next->job.epsilon, kPublished, 1e-3) << "its own rounds, at its own delta";
  EXPECT_EQ(next->job.delta, 1e-5);
  EXPECT_EQ(next->dataset.delta, 1e-7) << "the least";
  const auto both = spent_by(entries_of(ledger, "mnist"));
  ASSERT_TRUE(both);
  EXPECT_GT(both->epsilon, 1.3 * kPublished);
  EXPECT_GT(next->dataset.epsilon, both->epsilon);
  EXPECT_LT(alone->dataset.epsilon, kPublished);
  EXPECT_EQ(entries_of(ledger, "mnist", JobId{"b"}).size(), 1u);
}

TEST(Spending, NoiseThatDiffersIsNotAddedUpAsOne) {
  LedgerEntry quiet = entry(10);
  quiet.event.noise_multiplier = 0.7;
  const auto spent = spent_by(std::vector<LedgerEntry>{entry(10), quiet});
  const auto all_quiet = spent_by(std::vector<LedgerEntry>{quiet, quiet});
  const auto all_loud = spent_by(std::vector<LedgerEntry>{entry(10), entry(10)});
  ASSERT_TRUE(spent && all_quiet && all_loud);
  EXPECT_LT(spent->epsilon, all_quiet->epsilon);
  EXPECT_GT(spent->epsilon, all_loud->epsilon);
}

TEST(Spending, ABudgetHoldsToItsLastDigit) {
  const auto next = spending_with({}, entry(kSteps));
  ASSERT_TRUE(next);
  const double cost = next->job.epsilon;
  EXPECT_EQ(fit_of(*next, {cost, cost}), BudgetFit::kFits);
  EXPECT_EQ(fit_of(*next, {std::nextafter(cost, 0), cost}), BudgetFit::kJobSpent);
  EXPECT_EQ(fit_of(*next, {cost, std::nextafter(cost, 0)}), BudgetFit::kDatasetSpent);
  Spending none = *next;
  none.job.epsilon = std::nan("");
  EXPECT_EQ(fit_of(none, {}), BudgetFit::kJobSpent) << "what is no number fits nowhere";
}

TEST(Spending, AnEventWithoutABoundCostsNoGuess) {
  LedgerEntry wrong = entry(10);
  wrong.event.noise_multiplier = 0;
  EXPECT_FALSE(spending_with({}, wrong));
}

}  // namespace
}  // namespace tributary
