// SPDX-License-Identifier: Apache-2.0
// A job that hides whole sites ends before a model would cost more than its budget, whatever
// happens on the way, and the ledger has each model that was committed.
#include "coordinator/round/privacy_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/coordinator/round/federation.h"

namespace tributary::testing {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

JobSpec private_job(std::uint32_t rounds, double max_epsilon) {
  JobSpec spec = Federation::spec(rounds, 2, 2);
  spec.rounds.target = 2;
  spec.privacy.sites =
      SitePrivacy{.noise_multiplier = 1.5, .max_epsilon = max_epsilon, .adaptive = {}};
  return spec;
}

// Each round costs one; the clip halves.
SitesSpent spent_with(RoundNumber round) {
  return {static_cast<double>(round), round + 1.0, 8.0 / static_cast<double>(1u << round)};
}

const FieldValue* field(const Report& report, const std::string& name) {
  const auto found =
      std::ranges::find(report.fields, name, [](const auto& one) { return one.first; });
  return found == report.fields.end() ? nullptr : &found->second;
}

TEST(PrivacyBudget, EndsTheJobInGoodOrderBeforeItIsOverspent) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.spends = spent_with;
  JobSpec spec = private_job(50, 3.5);
  spec.evaluation.every = 0;  // only after the last
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  const JobRecord& job = federation.saved();
  EXPECT_EQ(job.state, JobState::kFinished);
  EXPECT_EQ(job.round, 3u);
  EXPECT_THAT(job.detail, HasSubstr("privacy.sites.max_epsilon 3.5 is spent"));
  EXPECT_THAT(job.detail, HasSubstr("one more round would make it 4"));
  EXPECT_TRUE(job.last.has_value()) << "the last model is evaluated as any other last one";
  const auto finished = federation.reports("job.finished");
  ASSERT_EQ(finished.size(), 1u);
  EXPECT_EQ(std::get<std::string>(*field(finished[0], "detail")), job.detail);
}

TEST(PrivacyBudget, EachRoundTellsWhatItCostAndTheLedgerHasIt) {
  Federation federation(2);
  connect_all(federation, 2);
  federation.spends = spent_with;
  federation.submit(private_job(3, 100.0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().detail, "") << "all rounds are done";
  ASSERT_EQ(federation.ledger.size(), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(federation.ledger[i],
              (SiteSpending{"demo", JobId{"demo-1"}, i + 1, 1.5, 1e-5, i + 1.0, 100.0}));
  }
  EXPECT_EQ(federation.clips, (std::vector<double>{8.0, 8.0, 4.0, 4.0, 2.0, 2.0}));
  const auto committed = federation.reports("round.committed");
  ASSERT_EQ(committed.size(), 3u);
  EXPECT_EQ(std::get<double>(*field(committed[1], "epsilon")), 2.0);
  EXPECT_EQ(std::get<double>(*field(committed[1], "delta")), 1e-5);
  EXPECT_EQ(std::get<double>(*field(committed[1], "clip")), 4.0);
  for (const RoundRow& row : federation.rows()) {
    const bool model = row.outcome == "committed";
    EXPECT_EQ(row.epsilon.has_value(), model) << row.task;
    if (!model) continue;
    EXPECT_EQ(row.clip, 8.0 / (1u << (row.round - 1)));
  }
}

// Neither a crash at any point nor operators who ask for more rounds buy a model.
TEST(PrivacyBudget, HoldsAcrossCrashesAndForOperators) {
  for (int steps = 0; steps < 60; steps += 3) {
    SCOPED_TRACE(steps);
    Federation federation(static_cast<std::uint64_t>(steps) + 3);
    connect_all(federation, 3);
    federation.spends = spent_with;
    federation.submit(private_job(2, 2.0));
    federation.change({.rounds = 40});
    for (int i = 0; i < steps; ++i) federation.step();
    federation.crash();
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.saved().state, JobState::kFinished);
    EXPECT_EQ(federation.saved().round, 2u);
    ASSERT_FALSE(federation.ledger.empty());
    EXPECT_EQ(federation.ledger.back().rounds, 2u);
    EXPECT_EQ(federation.ledger.back().epsilon, federation.saved().spent->epsilon);
    EXPECT_EQ(federation.double_folds, 0);
  }
}

// --- each site adds its part of the noise, in a sum that nobody sees the parts of ---

JobSpec secret_private_job(std::uint32_t rounds, double max_epsilon) {
  JobSpec spec = Federation::spec(rounds, 3, 3);
  spec.rounds.target = 3;
  spec.privacy.sites =
      SitePrivacy{.noise_multiplier = 1.5, .max_epsilon = max_epsilon, .adaptive = {}};
  spec.privacy.secure_aggregation = SecureAggregation{};
  return spec;
}

TEST(PrivacyBudget, SitesThatAddTheNoiseAreToldTheClipOfTheRoundAfterACrashToo) {
  for (int steps = 0; steps < 80; steps += 4) {
    SCOPED_TRACE(steps);
    Federation federation(static_cast<std::uint64_t>(steps));
    connect_all(federation, 3);
    federation.spends = spent_with;
    std::map<RoundNumber, std::set<double>> told;
    federation.make_sum = [&](const MakeSum& wanted) -> RoundEvent {
      const bool training = wanted.key.kind == TaskKind::kTrain;
      EXPECT_EQ(wanted.clip > 0, training);
      if (training) told[wanted.key.round].insert(wanted.clip);
      for (const auto& [site, task] : federation.offered) {
        if (task.key.kind == TaskKind::kTrain) told[task.key.round].insert(task.clip);
        if (task.key.kind != TaskKind::kTrain) {
          EXPECT_EQ(task.clip, 0.0);
        }
      }
      return Federation::sum_of(wanted);
    };
    federation.submit(secret_private_job(3, 100));
    for (int i = 0; i < steps; ++i) federation.step();
    federation.crash();
    ASSERT_TRUE(federation.run());
    ASSERT_EQ(federation.saved().round, 3u);
    for (const auto& [round, clips] : told)
      EXPECT_EQ(clips, std::set<double>{8.0 / (1u << (round - 1))}) << round;
    ASSERT_FALSE(federation.ledger.empty());
    EXPECT_EQ(federation.ledger.back().rounds, 3u);
  }
}

TEST(PrivacyBudget, OfASumInWhichSitesHideNoRowsAreTold) {
  Federation federation(5);
  connect_all(federation, 3);
  federation.spends = spent_with;
  federation.submit(secret_private_job(1, 100));
  ASSERT_TRUE(federation.run());
  const auto committed = federation.reports("round.committed");
  ASSERT_EQ(committed.size(), 1u);
  EXPECT_EQ(field(committed[0], "examples"), nullptr);
  EXPECT_EQ(std::get<double>(*field(committed[0], "clip")), 8.0);
  EXPECT_EQ(std::get<double>(*field(committed[0], "epsilon")), 1.0);
}

// Sums that failed have cost the sites: where they give to no more, the job is over, and no
// failure.
TEST(PrivacyBudget, SitesWhoseBudgetIsSpentEndTheJobInGoodOrder) {
  for (const std::size_t spent : {1u, 2u}) {
    Federation federation(6);
    connect_all(federation, 4);
    federation.spends = spent_with;
    int sums = 0;
    federation.make_sum = [&, spent](const MakeSum& wanted) -> RoundEvent {
      if (wanted.key.kind != TaskKind::kTrain || ++sums != 3) return Federation::sum_of(wanted);
      SumNotMade failed{wanted.key, "survivors_too_few", {}};
      for (std::size_t i = 0; i < spent; ++i)
        failed.left[wanted.sites.at(i)] = "budget_spent: failed_precondition";
      return failed;
    };
    JobSpec spec = secret_private_job(5, 100);
    spec.rounds.target = 4;
    federation.submit(spec);
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.saved().state, JobState::kFinished);
    // Three of four are enough: then the round is only tried again.
    EXPECT_EQ(federation.saved().round, spent == 1 ? 5u : 2u);
    if (spent == 1) continue;
    EXPECT_THAT(federation.saved().detail, HasSubstr("max_epsilon is spent at 2 of 4 sites"));
  }
}

TEST(PrivacyBudget, OtherJobsKnowNothingOfIt) {
  Federation federation(4);
  connect_all(federation, 2);
  federation.submit(Federation::spec(2, 2, 2));
  ASSERT_TRUE(federation.run());
  EXPECT_TRUE(federation.ledger.empty());
  EXPECT_THAT(federation.clips, Each(0.0));
  EXPECT_EQ(field(federation.reports("round.committed")[0], "epsilon"), nullptr);
  EXPECT_FALSE(budget_is_spent(federation.saved(), federation.job().spec()));
}

}  // namespace
}  // namespace tributary::testing
