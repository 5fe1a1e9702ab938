// SPDX-License-Identifier: Apache-2.0
// What a job's file can ask of its rounds, and an operator of a job, as the engine carries it out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/limits.h"
#include "tests/unit/coordinator/round/federation.h"

namespace tributary::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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
  for (int i = 0; i < 6; ++i) not_needed += reason_in(federation, 1, site_name(i)) == "not_needed";
  EXPECT_EQ(not_needed, 1);
  EXPECT_EQ(federation.now().ms, 0) << "nobody waited for a clock";
}

TEST(Policy, ARetryAsksThoseFirstThatHaveNotFailedTheRound) {
  for (const SelectionRule rule : {SelectionRule::kUniform, SelectionRule::kFast}) {
    Federation federation(1);
    connect_all(federation, 8);
    for (int bad = 0; bad < 5; ++bad) federation.spoil(site_name(bad), Reason::kNotFinite);
    JobSpec spec = Federation::spec(3, 1, 3);
    spec.rounds.selection = rule;
    spec.rounds.target = 3;
    spec.rounds.attempts = 4;  // five liars fill one attempt and spoil a second; then all are good
    federation.submit(spec);
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
  }
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
  for (int site = 0; site < 4; ++site)
    EXPECT_GE(counted[SiteName{site_name(site)}], 6) << site_name(site);
  EXPECT_EQ(federation.reports("update.dropped").size(), 0u);
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
  ASSERT_TRUE(federation.begin_training_without("site-b"));
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
  EXPECT_THAT(::testing::PrintToString(std::get<std::string>(alarms.back().fields[6].second)),
              HasSubstr("away"));
}

TEST(Policy, ASiteThatIsBarredIsNotWaitedForNorAskedAgain) {
  for (const bool restarts : {false, true}) {
    Federation federation(1);
    connect_all(federation, 3);
    JobSpec spec = Federation::spec(3, 2, 2);
    spec.rounds.disconnect_grace_ms = 3'600'000;
    spec.rounds.deadline_ms = 7'200'000;
    federation.submit(spec);
    ASSERT_TRUE(federation.begin_training_without("site-b"));
    const TimePoint before = federation.now();
    federation.bar("site-b");
    EXPECT_EQ(std::ranges::count(federation.saved().cohort, SiteName{"site-b"}), 0);
    if (restarts) {
      federation.crash();
      federation.bar("site-b");  // as the driver does
    }
    federation.settle();
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.job().record().state, JobState::kFinished);
    EXPECT_EQ((federation.now() - before).count(), 0) << "nobody waited";
    std::size_t barred = 0;
    for (const RoundRow& row : federation.rows()) {
      for (const ParticipantRow& one : row.participants) {
        if (one.site.value != "site-b" || row.task != "train") continue;
        EXPECT_EQ(one.reason, "barred");
        EXPECT_EQ(one.detail, "disabled by operator olga");
        ++barred;
      }
    }
    EXPECT_EQ(barred, restarts ? 0u : 1u);
  }
}

TEST(Policy, AJobThatWaitsSaysWhoIsKeptOut) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.bar("site-b");
  federation.submit(Federation::spec(1, 3, 3));
  federation.settle();
  const auto waits = [&] { return federation.job().waiting_for(); };
  EXPECT_THAT(waits(), HasSubstr("unfit: site-b: disabled by operator olga"));
  EXPECT_THAT(waits(), Not(HasSubstr("away")));
  federation.allow("site-b");
  federation.settle();
  EXPECT_THAT(waits(), HasSubstr("away: site-b"));
  EXPECT_THAT(waits(), Not(HasSubstr("olga")));
  federation.connect("site-b");
  federation.settle();
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
}

TEST(Policy, ADryRunAsksEveryoneAndTrainsNothing) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.connect("elsewhere", false, "other data");
  federation.fail_tasks("elsewhere", TaskKind::kPrepare, Reason::kDatasetMissing);
  federation.connect("strict");
  federation.fail_tasks("strict", TaskKind::kPrepare, Reason::kPolicyDenied);
  federation.fail_tasks("site-b", TaskKind::kInitialize, Reason::kResourcesShort);
  for (const std::uint32_t minimum : {2u, 3u}) {
    const std::string id = "dry-" + std::to_string(minimum);
    federation.submit(Federation::spec(5, minimum, 0), id, true);
    federation.settle();
    const JobRecord& record = federation.saved(id);
    EXPECT_EQ(record.state, minimum == 2 ? JobState::kFinished : JobState::kFailed);
    EXPECT_THAT(record.detail, AllOf(HasSubstr("2 of 5 sites could; site-b: resources_short"),
                                     HasSubstr("; elsewhere: dataset_missing"),
                                     HasSubstr("; strict: policy_denied")));
    EXPECT_EQ(record.round, 0u);
  }
  EXPECT_TRUE(federation.trained.empty());
  const ParticipantRow& row = federation.rows().front().participants.front();
  EXPECT_EQ(row.site.value, "elsewhere");
  EXPECT_EQ(row.reason, "dataset_missing");
}

TEST(Policy, ASiteWhosePolicyIsPendingIsAskedAgainAndCostsNoAttempt) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(2, 2, 0);
  spec.rounds.attempts = 2;
  federation.fail_tasks("site-b", TaskKind::kPrepare, Reason::kPolicyPending);
  federation.submit(spec);
  for (std::size_t i = 0; i < 5; ++i) {
    federation.settle();
    EXPECT_THAT(federation.job().waiting_for(), HasSubstr("site-b: policy_pending"));
    EXPECT_EQ(federation.job().record().attempt, 1u);
    ASSERT_EQ(federation.rows().size(), i + 1) << "each time it was asked has its record";
    EXPECT_THAT(federation.rows().back().outcome,
                AllOf(StartsWith("postponed: "), HasSubstr("site-b: policy_pending")));
    EXPECT_EQ(federation.rows().back().participants.size(), 2u);
    EXPECT_EQ(federation.reports("round.postponed").size(), i + 1);
    federation.pass(Milliseconds(limits::kPendingMs));
  }
  federation.do_tasks("site-b");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
}

TEST(Policy, APendingSiteIsLeftOutWhereTheOthersAreEnough) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.fail_tasks("site-b", TaskKind::kTrain, Reason::kPolicyPending);
  federation.submit(Federation::spec(2, 2, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
  EXPECT_EQ(federation.job().record().round, 2u);
}

TEST(Policy, AJobDoesNotWaitForAPendingSiteForEver) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(2, 2, 0);
  spec.rounds.wait_for_sites_ms = 600'000;
  federation.fail_tasks("site-b", TaskKind::kPrepare, Reason::kPolicyPending);
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFailed);
  EXPECT_THAT(federation.job().record().detail, HasSubstr("site-b: policy_pending"));
}

TEST(Policy, AChangeThatChangesNothingIsNotTold) {
  Federation federation(1);
  federation.submit(Federation::spec(1, 2, 0));
  JobChanges changes;
  changes.priority = 3;
  for (int i = 0; i < 3; ++i) federation.change(changes);
  EXPECT_EQ(federation.reports("job.changed").size(), 1u);
}

TEST(Policy, AChangedDeadlineIsTheMostOfAnAdaptiveOne) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(2, 2, 0);
  spec.rounds.adaptive = AdaptiveDeadline{.factor = 2.0, .minimum_ms = 5'000};
  federation.submit(spec);
  while (federation.saved().round < 1) ASSERT_TRUE(federation.step());
  while (federation.job().record().open_round != 2) ASSERT_TRUE(federation.step());
  ASSERT_EQ(federation.offered.at(SiteName{"site-b"}).deadline_ms, 5'000);
  JobChanges changes;
  changes.deadline_ms = 60'000;
  federation.change(changes);
  EXPECT_EQ(federation.offered.at(SiteName{"site-b"}).deadline_ms, 5'000);
  changes.deadline_ms = 3'000;
  federation.change(changes);
  EXPECT_EQ(federation.offered.at(SiteName{"site-b"}).deadline_ms, 3'000);
}

TEST(Policy, AChangedDeadlineHoldsForTheExtensionToo) {
  Federation federation(1);
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(1, 2, 3);
  spec.rounds.deadline_ms = 10'000;
  spec.rounds.late = LateResult::kCarry;
  federation.submit(spec);
  ASSERT_TRUE(federation.begin_training_without("site-b"));
  federation.settle();
  JobChanges changes;
  changes.deadline_ms = 30'000;
  federation.change(changes);
  federation.pass(Milliseconds(30'000));
  federation.pass(Milliseconds(29'000));
  federation.catch_up("site-b");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.reports("round.retried").size(), 0u);
}

TEST(Policy, AnAttemptIsRecordedOnce) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.spoil("site-b", Reason::kNotFinite);
  JobSpec spec = Federation::spec(1, 2, 2);
  spec.rounds.attempts = 2;
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  ASSERT_EQ(federation.saved().state, JobState::kFailed);
  std::vector<AttemptNumber> attempts;
  for (const RoundRow& row : federation.rows()) {
    if (row.task == "train") attempts.push_back(row.attempt);
  }
  EXPECT_EQ(attempts, (std::vector<AttemptNumber>{1, 2}));
  EXPECT_THAT(federation.rows().back().outcome, HasSubstr("site-b: not_finite"));
}

TEST(Policy, NoRoundIsMadeOfNothing) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(2, 1, 1);
  spec.rounds.deadline_ms = 30'000;
  spec.rounds.late = LateResult::kCarry;
  spec.evaluation.every = 0;
  federation.fail_to_store(1);
  federation.submit(spec);
  ASSERT_TRUE(federation.begin_training_without("site-b"));
  federation.settle();
  federation.disconnect("site-a");
  federation.pass(Milliseconds(30'000));  // round 1 closes, and is stored 10 s later
  JobChanges changes;
  changes.quorum = 0;  // all that are asked: nobody, where the only site there is late
  federation.change(changes);
  federation.pass(Milliseconds(10'000));
  ASSERT_EQ(federation.saved().round, 1u);
  EXPECT_FALSE(federation.job().over());
  federation.catch_up("site-b");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.folded.at(2).size(), 1u);
}

TEST(Policy, ALowerQuorumHoldsFromTheNextRoundWhereUpdatesWereGivenForThisOne) {
  Federation federation(1);
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(2, 2, 3);
  spec.rounds.attempts = 10;
  federation.fail_tasks("site-b", TaskKind::kTrain, Reason::kTrainingFailed);
  federation.submit(spec);
  while (federation.job().record().open_round != 1) ASSERT_TRUE(federation.step());
  EXPECT_EQ(federation.offered.at(SiteName{"site-a"}).least_sites, 3u);
  JobChanges changes;
  changes.quorum = 1;
  federation.change(changes);
  federation.settle();
  federation.crash();
  federation.settle();
  federation.pass(Milliseconds(60'000));
  EXPECT_GE(federation.reports("round.retried").size(), 2u);
  EXPECT_EQ(federation.saved().round, 0u);
  federation.do_tasks("site-b");
  ASSERT_TRUE(federation.run());
  ASSERT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
  EXPECT_EQ(federation.folded.at(1).size(), 3u) << "as the sites were told that gave the others";
  EXPECT_EQ(federation.offered.at(SiteName{"site-a"}).least_sites, 1u) << "of round 2";
}

TEST(Policy, AJobThatPausesBetweenAttemptsSaysSo) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.spoil("site-b", Reason::kNotFinite);
  JobSpec spec = Federation::spec(1, 2, 2);
  federation.submit(spec);
  federation.settle();
  EXPECT_THAT(federation.job().waiting_for(), HasSubstr("attempt 2"));
}

TEST(Policy, AJobThatWaitsForSitesAfterARestartNamesThem) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(Federation::spec(3, 2, 0));
  while (federation.saved().round < 1) ASSERT_TRUE(federation.step());
  federation.leave_in_crash("site-b");
  federation.crash();
  EXPECT_THAT(federation.job().waiting_for(), HasSubstr("site-b"));
  federation.connect("site-b");
  EXPECT_FALSE(federation.job().waiting());
}

TEST(Policy, WhoIsMissingIsNamedThoughItNeverPrepared) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.connect("elsewhere", false, "other data");
  federation.disconnect("site-b");
  federation.disconnect("elsewhere");
  JobSpec spec = Federation::spec(1, 2, 0);
  federation.submit(spec);
  EXPECT_THAT(federation.job().waiting_for(), HasSubstr("away: site-b"));
  ASSERT_TRUE(federation.run());
  EXPECT_THAT(federation.saved().detail, HasSubstr("1 were there; away: site-b"));
}

TEST(Policy, ThePhaseThatRunsCanBeSeen) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(Federation::spec(1, 2, 0));
  ASSERT_TRUE(federation.begin_training_without("site-b"));
  federation.settle();
  federation.disconnect("site-b");
  const auto row = federation.job().under_way(federation.now());
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->round, 1u);
  EXPECT_EQ(row->outcome, kUnderWay);
  EXPECT_EQ(row->participants[0].reason, "accepted");
  EXPECT_EQ(row->participants[1].reason, "pending");
  EXPECT_EQ(row->participants[1].detail, "off the link");
}

TEST(Policy, ADryRunNamesTheSiteThatTheJobNamesAndNobodyKnows) {
  Federation federation(1);
  connect_all(federation, 2);
  JobSpec spec = Federation::spec(1, 3, 0);
  spec.rounds.sites = {"site-a", "site-b", "soth"};
  federation.submit(spec, "dry", true);
  federation.settle();
  EXPECT_THAT(federation.saved("dry").detail, HasSubstr("soth: not on the link"));
}

TEST(Policy, ASiteWhosePrivacyBudgetIsSpentIsAskedNoMoreAndTheJobGoesOn) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.submit(Federation::spec(4, 2, 0));
  while (federation.saved().round < 1) ASSERT_TRUE(federation.step());
  federation.fail_tasks("site-b", TaskKind::kTrain, Reason::kBudgetSpent);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
  EXPECT_EQ(federation.folded.at(1).size(), 3u);
  EXPECT_EQ(federation.folded.at(4).size(), 2u);
  int refused = 0;
  for (RoundNumber round = 1; round <= 4; ++round)
    refused += reason_in(federation, round, "site-b") == "budget_spent";
  EXPECT_EQ(refused, 1) << "another round would cost it nothing but the answer";
}

TEST(Policy, AJobThatEverySiteHasSpentItsBudgetForFailsAndSaysSo) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(Federation::spec(4, 2, 0));
  while (federation.saved().round < 2) ASSERT_TRUE(federation.step());
  for (const char* site : {"site-a", "site-b"})
    federation.fail_tasks(site, TaskKind::kTrain, Reason::kBudgetSpent);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFailed);
  EXPECT_THAT(federation.saved().detail,
              AllOf(HasSubstr("site-a: budget_spent"), HasSubstr("site-b: budget_spent")));
  EXPECT_EQ(federation.saved().round, 2u) << "what was made before stays";
}

}  // namespace
}  // namespace tributary::testing
