// SPDX-License-Identifier: Apache-2.0
// Jobs whose updates nobody sees, as the engine decides about them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/coordinator/round/federation.h"

namespace tributary::testing {
namespace {

using ::testing::HasSubstr;

JobSpec secret_job(std::uint32_t rounds) {
  JobSpec spec = Federation::spec(rounds, 3, 3);
  spec.privacy.secure_aggregation = SecureAggregation{};
  return spec;
}

class SecretJob : public ::testing::Test {
 protected:
  void SetUp() override { connect_all(federation_, 4); }
  // A sum of training that fails so often.
  void fail_sums(int times, const std::string& site = "") {
    federation_.make_sum = [this, times, site](const MakeSum& wanted) mutable -> RoundEvent {
      if (wanted.key.kind != TaskKind::kTrain || times-- <= 0) return Federation::sum_of(wanted);
      SumNotMade failed{wanted.key, "survivors_too_few: 2 of 4", {}};
      if (!site.empty()) failed.left[SiteName{site}] = "late";
      return failed;
    };
  }

  Federation federation_{1};
};

TEST_F(SecretJob, IsSummedOnceARoundAndOnceAnEvaluation) {
  federation_.submit(secret_job(3));
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.saved().state, JobState::kFinished);
  ASSERT_EQ(federation_.sums.size(), 6u);
  EXPECT_EQ(federation_.sums[0].key.kind, TaskKind::kTrain);
  EXPECT_EQ(federation_.sums[0].sites.size(), 4u);
  EXPECT_EQ(federation_.sums[0].least, 3u);
  EXPECT_EQ(federation_.sums[1].key.kind, TaskKind::kEvaluate);
  ASSERT_TRUE(federation_.saved().last);
  EXPECT_EQ(federation_.saved().last->examples, 20u);
  for (const auto& [round, folded] : federation_.folded)
    EXPECT_EQ(folded, std::set<SiteName>{SiteName{"sum-1"}}) << round;
  EXPECT_TRUE(federation_.reports("site.evaluated").empty());
}

TEST_F(SecretJob, AnUpdateInTheClearIsRefused) {
  federation_.submit(secret_job(1));
  while (federation_.job().record().state != JobState::kTraining) ASSERT_TRUE(federation_.step());
  const Task task = federation_.offered.at(SiteName{"site-a"});
  ASSERT_EQ(task.key.kind, TaskKind::kTrain);
  federation_.forget_answers_of("site-a");
  federation_.send({SiteName{"site-a"}, {task.key, TrainResult{{digest_of(9), 4}, 5, 1, 1, 1}}});
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(reason_in(federation_, 1, "site-a"), "malformed");
  EXPECT_EQ(federation_.saved().state, JobState::kFinished);
  EXPECT_EQ(federation_.sums[0].sites.size(), 3u);
}

TEST_F(SecretJob, ASumThatFailsIsMadeAgainAndNobodyTrainsTwice) {
  fail_sums(2, "site-b");
  federation_.submit(secret_job(1));
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.saved().state, JobState::kFinished);
  EXPECT_EQ(federation_.sums.size(), 4u);
  EXPECT_EQ(federation_.sums[2].key.attempt, 3u);
  for (const auto& [key, times] : federation_.trained) EXPECT_EQ(times, 1);
  EXPECT_EQ(federation_.trained.size(), 4u);
  const auto retried = federation_.reports("round.retried");
  ASSERT_EQ(retried.size(), 2u);
  EXPECT_EQ(federation_.rows()[2].participants[1].reason, "secure_sum_failed");
  EXPECT_EQ(federation_.rows()[2].participants[1].detail, "late");
  EXPECT_THAT(federation_.rows()[2].outcome, HasSubstr("survivors_too_few"));
}

TEST_F(SecretJob, WithoutAnySumItFailsWithTheReason) {
  fail_sums(100);
  federation_.submit(secret_job(1));
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.saved().state, JobState::kFailed);
  EXPECT_THAT(federation_.saved().detail, HasSubstr("no secure sum: survivors_too_few"));
  EXPECT_TRUE(federation_.folded.empty());
}

TEST_F(SecretJob, AnEvaluationWithoutASumIsSkippedAndNotMadeInTheClear) {
  federation_.make_sum = [](const MakeSum& wanted) -> RoundEvent {
    if (wanted.key.kind == TaskKind::kTrain) return Federation::sum_of(wanted);
    return SumNotMade{wanted.key, "late", {}};
  };
  federation_.submit(secret_job(2));
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.saved().state, JobState::kFinished);
  EXPECT_FALSE(federation_.saved().last);
  EXPECT_EQ(federation_.reports("evaluation.skipped").size(), 2u);
}

// A crash after the sum, before the model: a second sum on the same model could tell single sites.
TEST_F(SecretJob, ASumThatIsMadeIsNotMadeAgainAfterACrash) {
  JobSpec spec = secret_job(2);
  spec.rounds.quorum = 0;  // all that are asked, of whom the sum is none
  federation_.submit(spec);
  while (federation_.absorptions.empty()) ASSERT_TRUE(federation_.step());
  federation_.crash();
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.saved().state, JobState::kFinished);
  EXPECT_TRUE(federation_.reports("round.retried").empty());
  std::size_t of_first_round = 0;
  for (const MakeSum& sum : federation_.sums) {
    if (sum.key.kind == TaskKind::kTrain && sum.key.round == 1) ++of_first_round;
  }
  EXPECT_EQ(of_first_round, 1u);
  EXPECT_EQ(federation_.folded.size(), 2u);
}

TEST_F(SecretJob, ACrashBeforeTheSumCostsNoTraining) {
  federation_.submit(secret_job(1));
  while (federation_.sums.empty()) ASSERT_TRUE(federation_.step());
  federation_.crash();
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.saved().state, JobState::kFinished);
  for (const auto& [key, times] : federation_.trained) EXPECT_EQ(times, 1);
}

// The sum goes on after a crash with a site that has not come back: it is in the round's record,
// and told when the round is committed.
TEST_F(SecretJob, WhoIsInASumOfBeforeTheCrashCountsThoughItIsAway) {
  federation_.make_sum = [this](const MakeSum& wanted) {
    RoundEvent made = Federation::sum_of(wanted);
    if (wanted.key.kind == TaskKind::kTrain && federation_.sums.size() > 1) {
      std::get<SumMade>(made).also = {SiteName{"site-d"}, SiteName{"site-e"}};
      std::get<SumMade>(made).left = {{SiteName{"site-a"}, "resumed: it was not in it"}};
    }
    return made;
  };
  federation_.submit(secret_job(1));
  while (federation_.sums.empty()) ASSERT_TRUE(federation_.step());
  federation_.leave_in_crash("site-d");
  federation_.crash();
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.saved().state, JobState::kFinished);
  EXPECT_EQ(reason_in(federation_, 1, "site-d"), "accepted");
  EXPECT_EQ(reason_in(federation_, 1, "site-e"), "accepted")
      << "it was not even asked in this life";
  EXPECT_EQ(reason_in(federation_, 1, "site-a"), "secure_sum_failed");
  EXPECT_EQ(federation_.saved().history.at(SiteName{"site-d"}).counted, 1u);
  EXPECT_EQ(federation_.saved().history.at(SiteName{"site-a"}).counted, 0u);
  const auto told = federation_.committed.find(SiteName{"site-d"});
  ASSERT_NE(told, federation_.committed.end());
  EXPECT_TRUE(told->second.contains({JobId{"demo-1"}, 1}));
}

// Its shares may be needed: it keeps them, and is not told that nobody waits for it.
TEST_F(SecretJob, WhoComesBackWhileTheSumIsMadeIsNotSentAway) {
  std::optional<MakeSum> asked;
  federation_.make_sum = [&](const MakeSum& wanted) -> RoundEvent {
    if (!asked) asked = wanted;
    return TimePassed{};  // it is still being made
  };
  federation_.submit(secret_job(1));
  while (!asked) ASSERT_TRUE(federation_.step());
  const std::size_t verdicts = federation_.verdicts.size();
  federation_.send({SiteName{"site-z"}, {asked->key, TrainResult{{}, 0, 0.0, 0.0, 0.1}}});
  EXPECT_EQ(federation_.verdicts.size(), verdicts);
}

TEST_F(SecretJob, ASumIsNoSiteInTheJobsHistory) {
  federation_.submit(secret_job(2));
  while (federation_.absorptions.empty()) ASSERT_TRUE(federation_.step());
  federation_.crash();
  ASSERT_TRUE(federation_.run());
  EXPECT_FALSE(federation_.saved().history.contains(SiteName{"sum-1"}));
}

TEST_F(SecretJob, OfASumThatIsLostTheSumIsToldAndNoSites) {
  federation_.submit(secret_job(1));
  while (federation_.sums.empty()) ASSERT_TRUE(federation_.step());
  federation_.lose_sum();
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.saved().state, JobState::kFinished);
  const auto lost = federation_.reports("update.lost");
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(std::get<std::string>(lost[0].fields[2].second), "sum-1");
  EXPECT_EQ(federation_.sums[1].key.attempt, 2u);
}

// It counts as of the round in which a sum had it, not of one that was tried.
TEST_F(SecretJob, WhatWasInNoSumDoesNotCount) {
  JobSpec spec = secret_job(1);
  spec.rounds.attempts = 1;
  fail_sums(100);
  federation_.submit(spec);
  ASSERT_TRUE(federation_.run());
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(federation_.saved().history.at(SiteName{site_name(i)}).counted, 0u) << i;
}

// Groups weigh what their sites do together, also when they are folded anew after a restart.
TEST_F(SecretJob, SumsOfARoundAreFoldedByTheHeaviestOfThem) {
  federation_.make_sum = [](const MakeSum& wanted) {
    RoundEvent made = Federation::sum_of(wanted);
    if (wanted.key.kind != TaskKind::kTrain) return made;
    std::vector<AcceptedUpdate>& sums = std::get<SumMade>(made).sums;
    sums[0].weight = 70;
    sums.push_back(sums[0]);
    sums[1].site = SiteName{"sum-2"};
    sums[1].weight = 500;
    return made;
  };
  federation_.submit(secret_job(1));
  while (federation_.absorptions.size() < 2) ASSERT_TRUE(federation_.step());
  EXPECT_EQ(federation_.weights_max, (std::vector<std::uint64_t>{500, 500}));
  federation_.crash();
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.weights_max, (std::vector<std::uint64_t>{500, 500, 500, 500}));
}

// Aborted between two attempts: what was accepted in the first is kept by its site for nothing.
TEST_F(SecretJob, WhenItEndsEachSiteMayForgetWhatItKeeps) {
  fail_sums(1);
  federation_.submit(secret_job(2));
  while (federation_.reports("round.retried").empty()) ASSERT_TRUE(federation_.step());
  federation_.abort();
  for (int i = 0; i < 4; ++i) {
    const auto told = federation_.committed.find(SiteName{site_name(i)});
    ASSERT_NE(told, federation_.committed.end()) << i;
    EXPECT_TRUE(told->second.contains({JobId{"demo-1"}, 1})) << i;
  }
}

}  // namespace
}  // namespace tributary::testing
