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

}  // namespace
}  // namespace tributary::testing
