// SPDX-License-Identifier: Apache-2.0
// Who is not done when its round closes, and uploads that are under way then.
#include <gtest/gtest.h>

#include <algorithm>

#include "coordinator/round/staleness.h"
#include "tests/unit/coordinator/round/federation.h"

namespace tributary::testing {
namespace {

TEST(Policy, UploadsUnderWayHaveTheGrace) {
  for (const std::int64_t grace_ms : {0, 20'000}) {
    Federation federation(1);
    connect_all(federation, 3);
    JobSpec spec = Federation::spec(1, 2, 2);
    spec.rounds.deadline_ms = 10'000;
    spec.rounds.grace_ms = grace_ms;
    federation.fail_to_fetch(1);  // the first upload takes 10 s longer
    federation.submit(spec);
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.folded.at(1).size(), grace_ms > 0 ? 3u : 2u) << grace_ms;
  }
}

// Three sites, one of which is not done with round 1 at its deadline.
class Late : public ::testing::Test {
 protected:
  void SetUp() override {
    connect_all(federation_, 3);
    JobSpec spec = Federation::spec(4, 2, 2);
    spec.rounds.deadline_ms = 10'000;
    spec.rounds.late = LateResult::kCarry;
    spec.rounds.staleness.max = 2;
    spec.evaluation.every = 0;
    federation_.submit(spec);
    while (federation_.job().record().state != JobState::kTraining) ASSERT_TRUE(federation_.step());
    federation_.silence("site-b");
    // The task that it was given before it fell silent is answered by hand.
    federation_.forget_answers_of("site-b");
  }

  Federation federation_{1};
};

// The way from the last model to this one is offered with this one, and with no other.
TEST_F(Late, WhatChangedInTheModelIsOfferedWithItAlone) {
  federation_.makes_deltas = true;
  EXPECT_TRUE(federation_.offered.at(SiteName{"site-a"}).delta.base.is_none()) << "the first model";
  federation_.settle();
  federation_.silence("site-a");  // so that round 2 waits
  federation_.pass(Milliseconds(10'000));
  ASSERT_EQ(federation_.saved().round, 1u);
  const Task& next = federation_.offered.at(SiteName{"site-a"});
  ASSERT_EQ(next.key.round, 2u);
  const ModelDelta delta{federation_.offered.at(SiteName{"site-b"}).model.digest,
                         {digest_of(2001), 2}};
  EXPECT_EQ(next.delta, delta);
  EXPECT_EQ(federation_.saved().delta, delta) << "a restart offers it too";
  EXPECT_TRUE(federation_.engine().blobs_in_use()->contains(delta.blob.digest));
  federation_.disconnect("site-b");
  federation_.connect("site-b");
  federation_.settle();
  const Task& late = federation_.offered.at(SiteName{"site-b"});
  ASSERT_EQ(late.key.round, 1u);
  EXPECT_TRUE(late.delta.base.is_none()) << "its model is not where the way leads";
}

TEST_F(Late, CountsLessInTheRoundThatIsOpenWhenItComes) {
  federation_.settle();
  federation_.silence("site-a");  // so that round 2 waits
  federation_.pass(Milliseconds(10'000));
  ASSERT_EQ(federation_.saved().round, 1u);
  EXPECT_EQ(reason_in(federation_, 1, "site-b"), "late");
  ASSERT_EQ(federation_.saved().late.size(), 1u) << "a restart knows of it";
  EXPECT_EQ(federation_.saved().late.at(SiteName{"site-b"}).round, 1u);
  federation_.catch_up("site-b");
  federation_.catch_up("site-a");
  federation_.settle();
  EXPECT_GE(federation_.saved().round, 2u);
  EXPECT_EQ(reason_in(federation_, 2, "site-b"), "accepted");
  const auto late = std::ranges::find_if(
      federation_.absorptions, [](const auto& update) { return update.site.value == "site-b"; });
  ASSERT_NE(late, federation_.absorptions.end());
  EXPECT_EQ(late->key.round, 1u);
  EXPECT_EQ(late->into, 2u);
  EXPECT_EQ(late->share, 46'341u) << "2^16 / sqrt(2)";
  EXPECT_EQ((federation_.trained[{SiteName{"site-b"}, late->key}]), 1);
  EXPECT_EQ(federation_.double_folds, 0);
}

TEST_F(Late, SurvivesACrashOfTheCoordinator) {
  federation_.settle();
  federation_.silence("site-a");
  federation_.pass(Milliseconds(10'000));
  ASSERT_EQ(federation_.saved().round, 1u);
  federation_.let_go("site-b");
  federation_.let_go("site-a");
  federation_.crash();
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.job().record().state, JobState::kFinished);
  const auto of_round_1 = [](const AcceptedUpdate& update) {
    return update.site.value == "site-b" && update.key.round == 1;
  };
  EXPECT_EQ(std::ranges::count_if(federation_.absorptions, of_round_1), 1);
  EXPECT_EQ(federation_.double_folds, 0);
}

TEST_F(Late, CountsNoMoreAfterItsTime) {
  federation_.pass(Milliseconds(10'000));  // round 1 closes; its extension is another deadline
  federation_.settle();
  ASSERT_TRUE(federation_.run());
  EXPECT_EQ(federation_.job().record().state, JobState::kFinished);
  EXPECT_EQ(federation_.folded.at(4).size(), 2u);
  EXPECT_EQ(federation_.reports("update.dropped").size(), 1u)
      << "the rounds after it were too fast for it: more than two late";
}

TEST(Staleness, FollowsThePublishedFunctions) {
  StalenessPolicy policy;
  EXPECT_EQ(staleness_share(policy, 0), kFullShare);
  EXPECT_EQ(staleness_share(policy, 3), kFullShare / 2);
  policy.weight = StalenessWeight::kConstant;
  EXPECT_EQ(staleness_share(policy, 9), kFullShare);
  policy = {.weight = StalenessWeight::kHinge, .slope = 0.5, .free = 2};
  EXPECT_EQ(staleness_share(policy, 2), kFullShare);
  EXPECT_EQ(staleness_share(policy, 4), kFullShare / 2);
  policy = {.weight = StalenessWeight::kPolynomial, .exponent = 10.0};
  EXPECT_EQ(staleness_share(policy, 1000), 1u) << "never nothing";
}

TEST(Policy, ASiteThatMissesTheDeadlineOfTheLastRoundIsToldSo) {
  Federation federation(1);
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(1, 2, 2);
  spec.rounds.late = LateResult::kCarry;
  federation.submit(spec);
  ASSERT_TRUE(federation.begin_training_without("site-b"));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(reason_in(federation, 1, "site-b"), "deadline");
}

TEST(Policy, ALinkThatBreaksInTheGraceCostsNoUpload) {
  Federation federation(1);
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(1, 2, 2);
  spec.rounds.deadline_ms = 10'000;
  spec.rounds.grace_ms = 20'000;
  federation.hang_uploads("site-b");
  federation.submit(spec);
  federation.settle();
  federation.pass(Milliseconds(12'000));
  federation.break_upload("site-b");
  federation.pass(Milliseconds(2'000));
  federation.let_go("site-b");
  federation.connect("site-b");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.folded.at(1).size(), 3u);
}

// A round of three that is closed by its target of two, long before the deadline.
TEST(Policy, WhoIsCarriedByATargetHasTheExtensionThatItWasTold) {
  Federation federation(1);
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(3, 2, 2);
  spec.rounds.target = 2;
  spec.rounds.over_selection = 1.5;
  spec.rounds.deadline_ms = 10'000;
  spec.rounds.late = LateResult::kCarry;
  spec.evaluation.every = 0;
  federation.submit(spec);
  ASSERT_TRUE(federation.begin_training_without("site-b"));
  ASSERT_EQ(federation.offered.at(SiteName{"site-b"}).deadline_ms, 20'000);
  federation.step();
  federation.silence("site-a");  // so that round 2 waits
  federation.settle();
  ASSERT_EQ(federation.saved().round, 1u);
  ASSERT_EQ(reason_in(federation, 1, "site-b"), "late");
  federation.pass(Milliseconds(9'000));
  federation.pass(Milliseconds(9'000));
  federation.catch_up("site-b");
  federation.settle();
  EXPECT_EQ(reason_in(federation, 2, "site-b"), "accepted");
}

TEST(Policy, WhoIsCutOffByATargetWasAsSlowAsItWasWaitedFor) {
  Federation federation(1);
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(2, 2, 2);
  spec.rounds.target = 2;
  spec.rounds.over_selection = 1.5;
  federation.submit(spec);
  while (federation.job().record().state != JobState::kTraining) ASSERT_TRUE(federation.step());
  for (const char* site : {"site-b", "site-c"}) {
    federation.silence(site);
    federation.forget_answers_of(site);
  }
  federation.settle();
  federation.pass(Milliseconds(20'000));
  federation.catch_up("site-b");
  federation.settle();
  ASSERT_EQ(reason_in(federation, 1, "site-c"), "not_needed");
  const auto& history = federation.saved().history;
  EXPECT_EQ(history.at(SiteName{"site-c"}).took_ms, std::vector<std::int64_t>{20'000});
}

TEST(Policy, AKeptUpdateTookAsLongAsItsTraining) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(Federation::spec(1, 2, 0));
  while (federation.trained.size() < 2) ASSERT_TRUE(federation.step());
  federation.crash();
  ASSERT_TRUE(federation.run());
  for (const auto& [site, history] : federation.saved().history)
    EXPECT_EQ(history.took_ms, std::vector<std::int64_t>{100}) << site;
}

TEST(Policy, TheLastAsynchronousVersionNeedsNoMore) {
  Federation federation(1);
  connect_all(federation, 3);
  JobSpec spec = asynchronous(4, 1);
  spec.evaluation.every = 0;
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  for (const RoundRow& row : federation.rows()) {
    if (row.task != "train") continue;
    for (const ParticipantRow& one : row.participants) EXPECT_NE(one.reason, "deadline");
  }
}

}  // namespace
}  // namespace tributary::testing
