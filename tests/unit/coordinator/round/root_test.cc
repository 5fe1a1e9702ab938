// SPDX-License-Identifier: Apache-2.0
// The root of a job's rule: an evaluator that trains beside the sites of every round, without whose
// update no round is committed, and who counts as none of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/coordinator/round/federation.h"

namespace tributary::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const SiteName kRoot{"lab"};

JobSpec trusting(std::uint32_t rounds, std::uint32_t minimum_sites, std::uint32_t quorum) {
  JobSpec spec = Federation::spec(rounds, minimum_sites, quorum);
  spec.aggregation.rule = {"fltrust", {{"root", kRoot.value}}};
  spec.rounds.deadline_ms = 10'000;
  return spec;
}

std::size_t count_in_rows(const Federation& federation, const std::string& task) {
  return static_cast<std::size_t>(
      std::ranges::count_if(federation.rows(), [&task](const RoundRow& row) {
        return row.task == task &&
               std::ranges::count(row.participants, kRoot, &ParticipantRow::site) == 1;
      }));
}

TEST(Root, TrainsInEveryRoundBesideTheSitesAndJudgesNothing) {
  Federation federation(1);
  connect_all(federation, 4);
  federation.connect("lab", true);
  federation.connect("judge", true);
  JobSpec spec = trusting(3, 2, 0);
  spec.rounds.fraction = 0.5;
  spec.evaluation.by_evaluators = true;
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished);
  for (RoundNumber round = 1; round <= 3; ++round) {
    EXPECT_EQ(federation.folded.at(round).size(), 3u) << "half of four sites, and the root";
    EXPECT_EQ(federation.folded.at(round).count(kRoot), 1u);
  }
  EXPECT_EQ(count_in_rows(federation, "prepare"), 1u);
  EXPECT_EQ(count_in_rows(federation, "initialize"), 0u);
  EXPECT_EQ(count_in_rows(federation, "evaluate"), 0u);
  EXPECT_EQ(federation.saved().rows.size(), 4u) << "it is none of the sites of the job";
  EXPECT_EQ(federation.weight_all, 40u) << "nor do its rows weigh with theirs";
}

TEST(Root, TellsNothingOfItsDataToThePlan) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.connect("lab", true);
  DataSummary other{.training_rows = 7, .validation_rows = 0, .numeric = {}, .categories = {}};
  federation.tell("lab", other);
  federation.submit(trusting(1, 2, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished);
  EXPECT_EQ(federation.saved().rows.count(kRoot), 0u);
}

TEST(Root, IsNoneOfTheQuorum) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.connect("lab", true);
  JobSpec spec = trusting(1, 2, 3);
  spec.rounds.attempts = 2;
  federation.submit(spec);
  ASSERT_TRUE(federation.begin_training_without("site-b"));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFailed);
  EXPECT_THAT(federation.saved().detail, HasSubstr("2 updates accepted, quorum is 3"));
  EXPECT_THAT(federation.saved().detail, Not(HasSubstr("root")));
}

TEST(Root, IsNoneOfTheMinimumOfSites) {
  Federation federation(1);
  connect_all(federation, 1);
  federation.connect("lab", true);
  federation.submit(trusting(1, 2, 0));
  federation.settle();
  EXPECT_THAT(federation.job().waiting_for(), HasSubstr("waits for 2 sites"));
  EXPECT_THAT(federation.job().waiting_for(), HasSubstr("1 of 1 on the link"));
}

// Everybody's part is done but the root's: the round is open up to the deadline, then it is tried
// again, and nobody else is asked again.
TEST(Root, WithoutItsUpdateNoRoundIsCommitted) {
  Federation federation(1);
  connect_all(federation, 4);
  federation.connect("lab", true);
  JobSpec spec = trusting(1, 2, 2);
  spec.rounds.fraction = 0.5;
  federation.submit(spec);
  ASSERT_TRUE(federation.begin_training_without("lab"));
  federation.pass(Milliseconds(9'999));
  EXPECT_EQ(federation.saved().round, 0u);
  EXPECT_THAT(federation.job().working_sites(), ElementsAre(kRoot));
  federation.pass(Milliseconds(1));
  ASSERT_EQ(federation.reports("round.retried").size(), 1u);
  const Report retried = federation.reports("round.retried")[0];
  EXPECT_THAT(
      std::get<std::string>(retried.fields.back().second),
      HasSubstr("2 updates accepted, quorum is 2, and none of the root lab; lab: deadline"));
  federation.let_go("lab");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished);
  EXPECT_EQ(federation.folded.at(1).size(), 3u);
  for (const auto& [task, times] : federation.trained) {
    if (task.first == kRoot) continue;
    EXPECT_EQ(task.second.attempt, 1u) << task.first;
  }
}

TEST(Root, FailsTheJobWhereItNeverDelivers) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.connect("lab", true);
  federation.submit(trusting(1, 2, 0));
  ASSERT_TRUE(federation.begin_training_without("lab"));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFailed);
  EXPECT_THAT(federation.saved().detail, HasSubstr("train failed 3 times: 2 updates accepted, "
                                                   "quorum is 2, and none of the root lab"));
}

// A target that is reached ends the waits for others, not the one for the root.
TEST(Root, IsWaitedForPastTheTarget) {
  Federation federation(1);
  connect_all(federation, 4);
  federation.connect("lab", true);
  JobSpec spec = trusting(1, 2, 0);
  spec.rounds.target = 2;
  spec.rounds.over_selection = 2.0;
  federation.submit(spec);
  ASSERT_TRUE(federation.begin_training_without("lab"));
  federation.silence("site-d");
  federation.forget_answers_of("site-d");
  federation.pass(Milliseconds(5'000));
  EXPECT_EQ(federation.saved().round, 0u) << "three updates are in, and the target is two";
  federation.catch_up("lab");
  federation.settle();
  EXPECT_EQ(federation.saved().round, 1u);
  EXPECT_EQ(reason_in(federation, 1, "site-d"), "not_needed");
}

TEST(Root, IsWaitedForByNameBeforeAnythingBegins) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(trusting(1, 2, 0));
  federation.settle();
  EXPECT_EQ(federation.job().waiting_for(), "waits: the root lab is not on the link");
  federation.connect("lab", false);
  federation.settle();
  EXPECT_THAT(federation.job().waiting_for(),
              HasSubstr("lab has a certificate with the role site"));
  federation.disconnect("lab");
  federation.connect("lab", true, "other");
  federation.settle();
  EXPECT_EQ(federation.job().waiting_for(), "waits: the root lab has no dataset 'demo'");
  federation.disconnect("lab");
  federation.connect("lab", true);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished);
}

TEST(Root, ThatNeverComesIsNamedWhenTheWaitEnds) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.connect("lab", false);  // as a site it trains for nobody
  federation.submit(trusting(1, 2, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFailed);
  EXPECT_THAT(federation.saved().detail, HasSubstr("the root lab has a certificate"));
  EXPECT_TRUE(federation.trained.empty());
}

TEST(Root, ThatCannotDoTheJobFailsItAtOnceWithItsReason) {
  for (const TaskKind kind : {TaskKind::kPrepare, TaskKind::kTrain}) {
    Federation federation(1);
    connect_all(federation, 3);
    federation.connect("lab", true);
    federation.fail_tasks("lab", kind, Reason::kPolicyDenied);
    federation.submit(trusting(1, 2, 0));
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.saved().state, JobState::kFailed);
    EXPECT_THAT(federation.saved().detail, HasSubstr("the root lab c"));
    EXPECT_THAT(federation.saved().detail, HasSubstr("policy_denied"));
    EXPECT_LT(federation.now(), TimePoint{} + Milliseconds(60'000));
  }
}

TEST(Root, WithoutRowsIsNone) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.connect("lab", true);
  federation.tell("lab", DataSummary{});
  federation.submit(trusting(1, 2, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFailed);
  EXPECT_EQ(federation.saved().detail, "the root lab has no rows to train on");
}

TEST(Root, ADryRunTellsWhetherItIsThere) {
  for (const bool there : {false, true}) {
    Federation federation(1);
    connect_all(federation, 2);
    if (there) federation.connect("lab", true);
    federation.submit(trusting(1, 2, 0), "dry", true);
    federation.settle();
    EXPECT_EQ(federation.saved("dry").state, there ? JobState::kFinished : JobState::kFailed);
    if (!there) {
      EXPECT_THAT(federation.saved("dry").detail,
                  HasSubstr("the root lab is not on the link as an evaluator"));
    }
  }
}

// Whether its update is in or not when the coordinator dies.
TEST(Root, ARestartAtAnyStepLosesNothingAndForgetsNoRoot) {
  int before = 0, after = 0;
  for (int steps = 1; steps < 70; ++steps) {
    Federation federation(9);
    connect_all(federation, 3);
    federation.connect("lab", true);
    federation.submit(trusting(2, 2, 2));
    for (int i = 0; i < steps; ++i) {
      if (!federation.step()) break;
    }
    const bool open = federation.saved().open_round > 0;
    const bool in = std::ranges::count(federation.absorptions, kRoot, &AcceptedUpdate::site) > 0;
    (open && in ? after : before) += open ? 1 : 0;
    federation.crash();
    ASSERT_TRUE(federation.run()) << steps;
    EXPECT_EQ(federation.saved().state, JobState::kFinished) << steps;
    EXPECT_EQ(federation.double_folds, 0);
    for (const auto& [round, sites] : federation.folded)
      EXPECT_TRUE(sites.contains(kRoot) && sites.size() >= 3) << steps << " round " << round;
    for (const auto& [task, times] : federation.trained) EXPECT_EQ(times, 1) << task.first;
  }
  EXPECT_GT(before, 0);
  EXPECT_GT(after, 0);
}

// It came back with another life of the coordinator, and not at all.
TEST(Root, ThatIsAwayAfterARestartIsAskedAgain) {
  Federation federation(2);
  connect_all(federation, 3);
  federation.connect("lab", true);
  JobSpec spec = trusting(1, 2, 0);
  spec.rounds.disconnect_grace_ms = 1'000;
  federation.submit(spec);
  ASSERT_TRUE(federation.begin_training_without("lab"));
  federation.leave_in_crash("lab");
  federation.crash();
  federation.settle();
  federation.pass(Milliseconds(2'000));
  EXPECT_EQ(federation.saved().round, 0u);
  EXPECT_EQ(federation.reports("round.retried").size(), 1u);
  federation.pass(Milliseconds(2'000));
  EXPECT_EQ(federation.job().waiting_for(), "waits: the root lab is not on the link");
  federation.let_go("lab");
  federation.connect("lab", true);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished);
  EXPECT_EQ(federation.folded.at(1).size(), 4u);
}

}  // namespace
}  // namespace tributary::testing
