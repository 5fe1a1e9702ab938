// SPDX-License-Identifier: Apache-2.0
// What a job's file can ask of its rounds, and an operator of a job, as the engine carries it out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "coordinator/round/staleness.h"
#include "tests/unit/coordinator/round/federation.h"

namespace tributary::testing {
namespace {

using ::testing::HasSubstr;

std::string name(int site) { return "site-" + std::string(1, static_cast<char>('a' + site)); }

void connect_all(Federation& federation, int sites) {
  for (int i = 0; i < sites; ++i) federation.connect(name(i));
}

// Versions of `target` updates each.
JobSpec asynchronous(std::uint32_t versions, std::uint32_t target) {
  JobSpec spec = Federation::spec(versions, 2, 0);
  spec.rounds.mode = RoundMode::kAsync;
  spec.rounds.target = target;
  return spec;
}

// The reason of `site` in the record of the round's training.
std::string reason_in(const Federation& federation, RoundNumber round, const std::string& site) {
  for (const RoundRow& row : federation.rows()) {
    if (row.round != round || row.task != "train") continue;
    for (const ParticipantRow& one : row.participants) {
      if (one.site.value == site) return one.reason;
    }
  }
  return "";
}

TEST(Policy, ATargetClosesTheRoundWithoutTheSlow) {
  Federation federation(1);
  connect_all(federation, 6);
  JobSpec spec = Federation::spec(1, 2, 2);
  spec.rounds.target = 3;
  spec.rounds.over_selection = 1.3;
  spec.rounds.deadline_ms = 600'000;
  federation.submit(spec);
  while (federation.job().record().state != JobState::kTraining) ASSERT_TRUE(federation.step());
  ASSERT_EQ(federation.saved().cohort.size(), 4u) << "ceil(3 * 1.3)";
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.folded.at(1).size(), 3u);
  int not_needed = 0;
  for (int i = 0; i < 6; ++i) not_needed += reason_in(federation, 1, name(i)) == "not_needed";
  EXPECT_EQ(not_needed, 1);
  EXPECT_EQ(federation.now().ms, 0) << "nobody waited for a clock";
}

TEST(Policy, ARetryAsksThoseFirstThatHaveNotFailedTheRound) {
  for (const SelectionRule rule : {SelectionRule::kUniform, SelectionRule::kFast}) {
    Federation federation(1);
    connect_all(federation, 8);
    for (int bad = 0; bad < 5; ++bad) federation.spoil(name(bad), Reason::kNotFinite);
    JobSpec spec = Federation::spec(3, 1, 3);
    spec.rounds.selection = rule;
    spec.rounds.target = 3;
    spec.rounds.attempts = 4;  // five liars fill one attempt and spoil a second; then all are good
    federation.submit(spec);
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
  }
}

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

TEST(Policy, AsynchronousVersionsTakeTheNextUpdatesWhateverTheyStartedFrom) {
  Federation federation(7);
  connect_all(federation, 5);
  JobSpec spec = asynchronous(30, 2);
  spec.rounds.concurrency = 3;
  spec.evaluation.every = 0;
  federation.submit(spec);
  std::size_t most_at_work = 0;
  while (federation.step()) {
    if (federation.job().record().state == JobState::kTraining)
      most_at_work = std::max(most_at_work, federation.job().working_sites().size());
  }
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
  EXPECT_EQ(most_at_work, 3u);
  EXPECT_EQ(federation.double_folds, 0);
  for (const auto& [round, sites] : federation.folded) EXPECT_EQ(sites.size(), 2u) << round;
  const auto stale = std::ranges::count_if(
      federation.absorptions, [](const auto& update) { return update.into > update.key.round; });
  EXPECT_GT(stale, 10);
  for (const auto& [task, times] : federation.trained) EXPECT_EQ(times, 1);
}

TEST(Policy, AsynchronousUpdatesThatWaitedGoInByTheirAge) {
  Federation federation(5);
  connect_all(federation, 4);
  JobSpec spec = asynchronous(40, 1);
  federation.submit(spec);  // an evaluation after each version, during which updates come in
  ASSERT_TRUE(federation.run());
  std::map<SiteName, int> counted;
  for (const AcceptedUpdate& update : federation.absorptions) ++counted[update.site];
  for (int site = 0; site < 4; ++site) EXPECT_GE(counted[SiteName{name(site)}], 6) << name(site);
  EXPECT_EQ(federation.reports("update.dropped").size(), 0u);
}

TEST(Policy, AnAsynchronousJobIsJudgedWhereEveryoneWasAsked) {
  Federation federation(5);
  connect_all(federation, 4);
  JobSpec spec = asynchronous(6, 1);
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  ASSERT_TRUE(federation.saved().best.has_value());
  EXPECT_EQ(federation.saved().best->examples, 20u) << "of all four";
}

TEST(Policy, ASiteThatMissesTheDeadlineOfTheLastRoundIsToldSo) {
  Federation federation(1);
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(1, 2, 2);
  spec.rounds.late = LateResult::kCarry;
  federation.submit(spec);
  while (federation.job().record().state != JobState::kTraining) ASSERT_TRUE(federation.step());
  federation.silence("site-b");
  federation.forget_answers_of("site-b");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(reason_in(federation, 1, "site-b"), "deadline");
}

TEST(Policy, APausedJobFinishesWhatRunsAndBeginsNothing) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(Federation::spec(3, 2, 0));
  while (federation.job().record().state != JobState::kTraining) ASSERT_TRUE(federation.step());
  JobChanges changes;
  changes.paused = true;
  federation.change(changes);
  federation.settle();
  EXPECT_EQ(federation.saved().round, 1u) << "the open round is finished";
  EXPECT_TRUE(federation.job().working_sites().empty());
  federation.crash();
  federation.settle();
  EXPECT_TRUE(federation.job().paused()) << "over a restart too";
  EXPECT_EQ(federation.saved().round, 1u);
  changes.paused = false;
  federation.change(changes);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().round, 3u);
}

TEST(Policy, AChangeOfTheDeadlineHoldsForTheOpenRoundAndItsSitesLearnOfIt) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.silence("site-b");
  JobSpec spec = Federation::spec(1, 2, 0);
  spec.rounds.deadline_ms = 10'000;
  federation.let_go("site-b");
  federation.submit(spec);
  while (federation.job().record().state != JobState::kTraining) ASSERT_TRUE(federation.step());
  federation.silence("site-b");
  federation.forget_answers_of("site-b");
  federation.settle();
  federation.pass(Milliseconds(9'000));
  JobChanges changes;
  changes.deadline_ms = 60'000;
  federation.change(changes);
  EXPECT_EQ(federation.offered.at(SiteName{"site-b"}).deadline_ms, 51'000);
  federation.pass(Milliseconds(40'000));
  EXPECT_FALSE(federation.job().over());
  federation.catch_up("site-b");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.folded.at(1).size(), 2u);
  EXPECT_EQ(federation.reports("round.retried").size(), 0u);
}

TEST(Policy, AHigherPriorityLeavesTheQueueFirst) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(2, 2, 0);
  federation.submit(spec, "demo-1");
  federation.submit(spec, "second");
  spec.priority = 3;
  federation.submit(spec, "urgent");
  ASSERT_TRUE(federation.run());
  federation.settle();
  std::vector<std::string> started;
  for (const Report& report : federation.reports("job.started"))
    started.push_back(std::get<std::string>(report.fields.front().second));
  EXPECT_EQ(started, (std::vector<std::string>{"demo-1", "urgent", "second"}));
}

TEST(Policy, JobsTakeTurnsAtSitesThatTheyShare) {
  Federation federation(3, {.running_jobs_max = 2, .tasks_per_site = 1});
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(10, 3, 0);
  federation.submit(spec, "demo-1");
  federation.submit(spec, "other");
  const auto round = [&](const char* job) { return federation.job(job).record().round; };
  while (federation.step()) {
    std::map<SiteName, int> tasks;
    for (const JobMachine* job : federation.engine().jobs()) {
      for (const SiteName& site : job->working_sites()) ++tasks[site];
    }
    for (const auto& [site, count] : tasks) ASSERT_LE(count, 1) << site;
    ASSERT_LE(std::max(round("demo-1"), round("other")),
              std::min(round("demo-1"), round("other")) + 2)
        << "neither runs away";
  }
  EXPECT_TRUE(federation.job("demo-1").over());
  EXPECT_TRUE(federation.job("other").over());
}

TEST(Policy, AJobThatWaitsLongSoundsTheAlarmAgainAndAgain) {
  Federation federation(1);
  connect_all(federation, 1);
  JobSpec spec = Federation::spec(1, 2, 0);
  spec.rounds.wait_for_sites_ms = 3'600'000;
  spec.rounds.alarm_after_ms = 600'000;
  spec.rounds.sites = {"site-a", "away"};
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFailed);
  EXPECT_EQ(federation.reports("job.waiting").size(), 1u);
  const auto alarms = federation.reports("job.waits_long");
  EXPECT_EQ(alarms.size(), 6u);
  EXPECT_THAT(::testing::PrintToString(std::get<std::string>(alarms.back().fields[5].second)),
              HasSubstr("away"));
}

TEST(Policy, TrainingStopsEarlyWithoutAGain) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(50, 2, 0);
  spec.evaluation.early_stop = EarlyStop{3, 0.02};
  federation.submit(spec);  // the loss of round r is 1 / (r + 1)
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished);
  EXPECT_EQ(federation.saved().round, 13u)
      << "losses of 1/2, 1/3 ... 1/7, 1/9 and 1/11 were gains, the next three were none";
  EXPECT_EQ(federation.saved().best_round, federation.saved().round) << "each was a little better";
  EXPECT_THAT(federation.saved().detail, HasSubstr("stopped early"));
}

TEST(Policy, TheWorstSiteCanBeTheJudge) {
  for (const bool worst : {false, true}) {
    Federation federation(1);
    connect_all(federation, 3);
    JobSpec spec = Federation::spec(2, 3, 0);
    spec.evaluation.best_of_worst = worst;
    federation.submit(spec);
    while (federation.saved().round < 1) ASSERT_TRUE(federation.step());
    while (federation.job().record().state == JobState::kEvaluating) federation.step();
    federation.losses[SiteName{"site-c"}] = 0.6;  // it fares worse in round 2, the others better
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.saved().best_round, worst ? 1u : 2u);
    const RoundRow& last = federation.rows().back();
    ASSERT_TRUE(last.spread.has_value());
    EXPECT_EQ(last.spread->worst_site, "site-c");
    EXPECT_NEAR(last.spread->worst, 0.6, 1e-5);
    EXPECT_NEAR(last.spread->mean, (0.6 + 2.0 / 3.0) / 3.0, 1e-5);
  }
}

TEST(Policy, EvaluatorsJudgeAndDoNothingElse) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.connect("judge", true);
  JobSpec spec = Federation::spec(2, 3, 0);
  spec.evaluation.by_evaluators = true;
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().last->examples, 5u) << "of the evaluator alone";
  for (const RoundRow& row : federation.rows()) {
    const bool judged = std::ranges::any_of(
        row.participants, [](const auto& one) { return one.site.value == "judge"; });
    EXPECT_EQ(judged, row.task == "evaluate") << row.task;
  }
}

TEST(Policy, AFractionEvaluates) {
  Federation federation(1);
  connect_all(federation, 6);
  JobSpec spec = Federation::spec(2, 6, 0);
  spec.evaluation.fraction = 0.5;
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().last->examples, 15u);
}

TEST(Policy, ADryRunDoesNotWaitInTheQueue) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(Federation::spec(3, 3, 0), "demo-1");  // waits for a third site
  federation.submit(Federation::spec(3, 2, 0), "dry", true);
  federation.settle();
  EXPECT_EQ(federation.saved("dry").state, JobState::kFinished);
  EXPECT_TRUE(federation.job().waiting());
}

TEST(Policy, ADryRunAsksEveryoneAndTrainsNothing) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.connect("elsewhere", false, "other data");
  federation.fail_tasks("elsewhere", TaskKind::kPrepare, Reason::kDatasetMissing);
  federation.fail_tasks("site-b", TaskKind::kInitialize, Reason::kResourcesShort);
  for (const std::uint32_t minimum : {2u, 3u}) {
    const std::string id = "dry-" + std::to_string(minimum);
    federation.submit(Federation::spec(5, minimum, 0), id, true);
    federation.settle();
    const JobRecord& record = federation.saved(id);
    EXPECT_EQ(record.state, minimum == 2 ? JobState::kFinished : JobState::kFailed);
    EXPECT_THAT(record.detail, HasSubstr("2 of 3 sites could; site-b: resources_short"));
    EXPECT_EQ(record.round, 0u);
  }
  EXPECT_TRUE(federation.trained.empty());
  const ParticipantRow& row = federation.rows().front().participants.front();
  EXPECT_EQ(row.site.value, "elsewhere");
  EXPECT_EQ(row.reason, "dataset_missing");
}

}  // namespace
}  // namespace tributary::testing
