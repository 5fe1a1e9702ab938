// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/unit/coordinator/round/federation.h"

namespace tributary::testing {
namespace {

std::string text_field(const Report& report, const std::string& name) {
  for (const auto& [key, value] : report.fields) {
    if (key == name) return std::get<std::string>(value);
  }
  return "";
}

template <typename T>
std::ptrdiff_t count_of(const RoundEffects& effects) {
  return std::ranges::count_if(
      effects, [](const RoundEffect& effect) { return std::holds_alternative<T>(effect); });
}

TEST(Engine, RunsAJobToItsEnd) {
  Federation federation(1);
  connect_all(federation, 4);
  federation.submit(Federation::spec(3, 4, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
  EXPECT_EQ(federation.saved().round, 3u);
  EXPECT_EQ(federation.folded.at(2).size(), 4u);
  EXPECT_EQ(federation.reports("round.committed").size(), 3u);
  EXPECT_EQ(federation.reports("evaluation.finished").size(), 3u);
  EXPECT_EQ(federation.saved().best_round, 3u) << "the loss falls with each round";
}

TEST(Engine, WaitsForSitesAndSaysForHowMany) {
  Federation federation(1);
  connect_all(federation, 1);
  federation.submit(Federation::spec(1, 2, 0));
  federation.settle();
  ASSERT_EQ(federation.reports("job.waiting").size(), 1u);
  EXPECT_FALSE(federation.job().over());
  federation.connect("late");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
}

TEST(Engine, AQuorumIsNeverLowered) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(Federation::spec(1, 1, 3));
  federation.settle();
  ASSERT_EQ(federation.reports("job.waiting").size(), 1u);
  EXPECT_NE(federation.job().waiting_for().find("waits for 3 sites"), std::string::npos);
  federation.connect("late");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.folded.at(1).size(), 3u);
}

TEST(Engine, ASiteThatGoesAfterItsVoteDoesNotHoldUpTheInitialModel) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.submit(Federation::spec(1, 2, 0));
  while (federation.job().record().state != JobState::kInitializing) ASSERT_TRUE(federation.step());
  ASSERT_TRUE(federation.step());  // one has voted, the others have not
  federation.disconnect("site-a");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
}

TEST(Engine, AnInitialModelThatNeverComesIsAskedOfTheNextSite) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.withhold("site-a");
  federation.submit(Federation::spec(1, 3, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
}

TEST(Engine, AFullDiskOfOursCostsNoSiteItsInitialModel) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.fail_to_fetch_initial_model(9);
  JobSpec spec = Federation::spec(1, 2, 0);
  spec.rounds.attempts = 1;
  federation.submit(spec);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
  EXPECT_EQ(federation.reports("round.stalled").size(), 9u);
}

TEST(Engine, ABusySiteIsAskedAgain) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.fail_tasks("site-b", TaskKind::kPrepare, Reason::kDeclined);
  federation.submit(Federation::spec(1, 2, 0));
  federation.settle();
  federation.do_tasks("site-b");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
}

TEST(Engine, AFullDiskOfOursCostsNoSiteItsUpdate) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.fail_to_fetch(5);
  federation.submit(Federation::spec(1, 2, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
  EXPECT_EQ(federation.reports("round.retried").size(), 0u);
  EXPECT_EQ(federation.reports("round.stalled").size(), 5u);
}

TEST(Engine, UpdatesThatAreGoneAreAskedForAgain) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.lose_sum();
  federation.submit(Federation::spec(2, 3, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
  EXPECT_EQ(federation.reports("update.lost").size(), 3u);
  EXPECT_EQ(federation.reports("round.retried").size(), 1u);
  EXPECT_EQ(federation.folded.at(1).size(), 3u);
  EXPECT_EQ(federation.double_folds, 0);
}

// What has arrived of an upload is kept while its site is away, and only what the site announced
// last.
TEST(Engine, AnUpdateIsInUseFromItsAnnouncementOn) {
  Federation federation(1);
  connect_all(federation, 1);
  federation.fail_to_fetch(1);
  federation.submit(Federation::spec(1, 1, 0));
  federation.settle();
  const TaskKey key{JobId{"demo-1"}, 1, 1, TaskKind::kTrain};
  const SiteName site{"site-a"};
  const Digest first = digest_of(106), second = digest_of(107);
  Engine& engine = federation.engine();
  federation.disconnect(site.value);
  static_cast<void>(engine.handle({}, UpdateLost{site, key, Reason::kDisconnected, ""}));
  EXPECT_TRUE(engine.blobs_in_use()->contains(first));
  static_cast<void>(engine.handle({}, SiteConnected{site, {"demo"}}));
  EXPECT_TRUE(engine.blobs_in_use()->contains(first));
  const auto announce = [&](const Digest& digest) {
    return count_of<ReleaseBlobs>(
        engine.handle({}, SiteReturned{site, {key, TrainResult{{digest, 4}, 10, 0.5, 1.0, 0.1}}}));
  };
  EXPECT_EQ(announce(first), 0);
  static_cast<void>(engine.handle({}, UpdateLost{site, key, Reason::kDisconnected, ""}));
  EXPECT_EQ(announce(second), 1);
  EXPECT_TRUE(engine.blobs_in_use()->contains(second));
  EXPECT_FALSE(engine.blobs_in_use()->contains(first));
}

TEST(Engine, AnUpdateThatAnEarlierLifeAcceptedIsInUse) {
  Engine engine{EngineOptions{}};
  JobRecord record;
  record.id = JobId{"demo-1"};
  record.state = JobState::kTraining;
  const AcceptedUpdate update{TaskKey{record.id, 1, 1, TaskKind::kTrain},
                              SiteName{"site-a"},
                              1,
                              kFullShare,
                              TrainResult{{digest_of(5), 4}, 10, 0.5, 1.0, 0.1},
                              1.0};
  static_cast<void>(engine.handle({}, JobRecovered{record, Federation::spec(1, 2, 0), {update}}));
  ASSERT_TRUE(engine.blobs_in_use());
  EXPECT_TRUE(engine.blobs_in_use()->contains(digest_of(5)));
}

// It was accepted in the attempt before the one that the kill ended, which does not ask its site.
TEST(Engine, AnUpdateThatIsLostWithAnEarlierLifeIsAskedForAsIfItHadNotBeen) {
  const SiteName site_a{"site-a"}, site_b{"site-b"};
  JobRecord record;
  record.id = JobId{"demo-1"};
  record.state = JobState::kTraining;
  record.round = 6;
  record.open_round = 7;
  record.attempt = 2;
  record.cohort = {site_b};
  record.model = {digest_of(6), 4};
  record.history[site_a].count(4);
  record.history[site_a].count(7);
  const TaskKey key{record.id, 7, 1, TaskKind::kTrain};
  const TrainResult result{{digest_of(5), 4}, 10, 0.5, 1.0, 0.1};
  Engine engine{EngineOptions{}};
  const RoundEffects lost = engine.handle(
      {}, JobRecovered{
              record, Federation::spec(9, 1, 0), {}, {{key, site_a, 7, kFullShare, result, 1.0}}});
  const auto counted_in = [&](const RoundEffect& effect) {
    const auto* saved = std::get_if<SaveJob>(&effect);
    return saved != nullptr && saved->record.history.at(site_a).counted == 4;
  };
  EXPECT_TRUE(std::ranges::any_of(lost, counted_in)) << "durable with the loss";
  EXPECT_EQ(count_of<DropAccepted>(lost), 1);
  // It comes back before the attempt is open, with what it has.
  EXPECT_EQ(count_of<SendVerdict>(engine.handle({}, SiteReturned{site_a, {key, result}})), 0)
      << "its site would forget it";
  std::map<SiteName, Task> tasks;
  for (const RoundEvent& event : std::vector<RoundEvent>{
           SiteConnected{site_a, {"demo"}}, SiteConnected{site_b, {"demo"}}, TimePassed{}}) {
    for (const RoundEffect& effect : engine.handle({}, event)) {
      if (const auto* send = std::get_if<SendTask>(&effect)) tasks[send->site] = send->task;
    }
  }
  ASSERT_TRUE(tasks.contains(site_a));
  EXPECT_TRUE(tasks.contains(site_b));
  EXPECT_EQ(tasks[site_a].key.round, 7u);
  EXPECT_EQ(tasks[site_a].counted, 4u);
}

TEST(Engine, CountsOfAnotherKindOfLabelCostThatSiteOnly) {
  Federation federation(1);
  connect_all(federation, 3);
  federation.count_classes("site-a");
  federation.submit(Federation::spec(1, 3, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().last->examples, 10u) << "of the other two";
  const RoundRow& row = federation.rows().back();
  ASSERT_EQ(row.task, "evaluate");
  EXPECT_EQ(row.participants.front().reason, "malformed");
}

TEST(Engine, AJobThatNoSiteCanDoDoesNotWait) {
  Federation federation(1);
  connect_all(federation, 2);
  for (const char* site : {"site-a", "site-b"})
    federation.fail_tasks(site, TaskKind::kTrain, Reason::kDataInvalid);
  federation.submit(Federation::spec(1, 2, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFailed);
  EXPECT_EQ(federation.reports("job.waiting").size(), 0u);
  EXPECT_NE(federation.saved().detail.find("site-b: data_invalid"), std::string::npos);
}

TEST(Engine, ALieInASummaryCostsThatSiteOnly) {
  Federation federation(1);
  connect_all(federation, 3);
  DataSummary lie{.training_rows = 10, .validation_rows = 5, .numeric = {}, .categories = {}};
  lie.numeric["age"] = {.count = 5, .mean = 1e300, .squared_deviations = 1.0};
  federation.tell("site-b", lie);
  federation.submit(Federation::spec(1, 2, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
  EXPECT_FALSE(federation.saved().rows.contains(SiteName{"site-b"}));
}

TEST(Engine, WaitingEnds) {
  Federation federation(1);
  federation.submit(Federation::spec(1, 2, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFailed);
  EXPECT_NE(federation.saved().detail.find("2 sites"), std::string::npos)
      << federation.saved().detail;
}

TEST(Engine, WaitingNamesTheSitesThatAreMissing) {
  Federation federation(1);
  connect_all(federation, 1);
  JobSpec spec = Federation::spec(1, 2, 0);
  spec.rounds.sites = {"site-a", "site-z"};
  federation.submit(spec);
  ASSERT_EQ(federation.reports("job.waiting").size(), 1u);
  EXPECT_EQ(text_field(federation.reports("job.waiting")[0], "missing"), "site-z");
}

TEST(Engine, QuorumClosesTheRoundAtTheDeadline) {
  Federation federation(1);
  connect_all(federation, 4);
  federation.submit(Federation::spec(1, 4, 3));
  while (federation.job().record().state != JobState::kInitializing && federation.step()) {
  }
  federation.silence("site-b");
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
  EXPECT_FALSE(federation.folded.at(1).contains(SiteName{"site-b"}));
  bool said = false;
  for (const Report& outcome : federation.reports("client.outcome")) {
    said |= text_field(outcome, "site") == "site-b" && text_field(outcome, "reason") == "deadline";
  }
  EXPECT_TRUE(said) << "the silent site gets its reason";
}

TEST(Engine, ADisconnectedSiteIsLostAfterTheGraceTimeNotTheDeadline) {
  Federation federation(1);
  connect_all(federation, 4);
  JobSpec spec = Federation::spec(1, 4, 3);
  spec.rounds.deadline_ms = 3'600'000;
  federation.submit(spec);
  while (federation.job().record().state != JobState::kInitializing && federation.step()) {
  }
  federation.silence("site-d");
  federation.settle();
  federation.disconnect("site-d");
  EXPECT_TRUE(federation.folded.empty());
  federation.pass(Milliseconds(spec.rounds.disconnect_grace_ms));
  EXPECT_EQ(federation.folded.at(1).size(), 3u);
}

TEST(Engine, ARejectedUpdateCostsThatSiteOnly) {
  Federation federation(1);
  connect_all(federation, 4);
  federation.spoil("site-c", Reason::kNotFinite);
  federation.submit(Federation::spec(2, 4, 3));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
  EXPECT_FALSE(federation.folded.at(1).contains(SiteName{"site-c"}));
}

// What a site carries from round to round goes on from there.
TEST(Engine, ATrainingNamesTheSitesLastRoundThatCounts) {
  Federation federation(1);
  connect_all(federation, 3);
  JobSpec spec = Federation::spec(3, 3, 2);
  spec.rounds.deadline_ms = 10'000;
  spec.evaluation.every = 0;
  federation.submit(spec);
  ASSERT_TRUE(federation.begin_training_without("site-c"));
  const auto task_of = [&](const char* site) { return federation.offered.at(SiteName{site}); };
  EXPECT_EQ(task_of("site-a").counted, 0u);
  federation.settle();
  federation.pass(Milliseconds(10'000));
  ASSERT_EQ(task_of("site-a").key, (TaskKey{federation.job().record().id, 2, 1, TaskKind::kTrain}));
  EXPECT_EQ(task_of("site-a").counted, 1u);
  ASSERT_EQ(task_of("site-c").key.round, 2u);
  EXPECT_EQ(task_of("site-c").counted, 0u) << "it was not done with round 1";
  federation.let_go("site-c");
  federation.crash();
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
  EXPECT_EQ(federation.weight_all, 30u) << "the rows of all that prepared";
  for (const auto& [site, history] : federation.saved().history) EXPECT_EQ(history.counted, 3u);
}

TEST(Engine, RetryKeepsWhatWasAcceptedAndThenGivesUp) {
  Federation federation(1);
  connect_all(federation, 4);
  federation.spoil("site-c", Reason::kNotFinite);
  federation.submit(Federation::spec(1, 4, 4));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFailed);
  EXPECT_EQ(federation.reports("round.retried").size(), 2u);
  EXPECT_EQ(federation.double_folds, 0);
  for (const auto& [who, times] : federation.trained) {
    if (who.first.value == "site-c") continue;
    EXPECT_EQ(who.second.attempt, 1u) << who.first << " was asked again";
  }
}

TEST(Engine, SitesThatCannotDoTheJobFailItAtOnceWithTheirReasons) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.fail_tasks("site-a", TaskKind::kPrepare, Reason::kDataInvalid);
  federation.submit(Federation::spec(1, 2, 0));
  ASSERT_TRUE(federation.run(1));
  EXPECT_EQ(federation.job().record().state, JobState::kFailed);
  EXPECT_NE(federation.saved().detail.find("site-a: data_invalid"), std::string::npos)
      << federation.saved().detail;
}

TEST(Engine, AModelThatCannotBeStoredIsTriedAgain) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.fail_to_store(3);
  federation.submit(Federation::spec(1, 2, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.job().record().state, JobState::kFinished);
  EXPECT_EQ(federation.reports("round.stalled").size(), 3u);
}

TEST(Engine, ARuleThatIsNotDefinedForTheUpdatesEndsTheJobAtOnce) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.break_rule();
  federation.submit(Federation::spec(1, 2, 0));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFailed);
  EXPECT_EQ(federation.saved().detail, "round 1: krum needs more");
  EXPECT_TRUE(federation.reports("round.stalled").empty());
}

TEST(Engine, JobsQueueInOrder) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.submit(Federation::spec(1, 2, 0), "demo-1");
  federation.submit(Federation::spec(1, 2, 0), "demo-2");
  EXPECT_EQ(federation.job("demo-2").record().state, JobState::kQueued);
  federation.settle();
  EXPECT_EQ(federation.job("demo-1").record().state, JobState::kFinished);
  EXPECT_EQ(federation.job("demo-2").record().state, JobState::kFinished);
}

TEST(Engine, AbortEndsTheJobAndTellsTheSites) {
  Federation federation(1);
  connect_all(federation, 2);
  federation.silence("site-a");
  federation.submit(Federation::spec(1, 2, 0));
  const RoundEffects effects =
      federation.engine().handle(TimePoint{1}, JobAbortRequested{JobId{"demo-1"}, "a mistake"});
  EXPECT_TRUE(std::ranges::any_of(
      effects, [](const RoundEffect& e) { return std::holds_alternative<SendVerdict>(e); }));
  EXPECT_EQ(federation.job().record().state, JobState::kAborted);
}

TEST(Engine, AResultForNothingIsStale) {
  Federation federation(1);
  connect_all(federation, 1);
  const TaskKey key{JobId{"other"}, 3, 1, TaskKind::kTrain};
  const RoundEffects effects = federation.engine().handle(
      TimePoint{}, SiteReturned{SiteName{"site-a"}, {key, TrainResult{}}});
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(std::get<SendVerdict>(effects[0]).reason, Reason::kStale);
}

// Arrival order is drawn from the seed; what is decided must not depend on it.
TEST(Engine, TheCohortDoesNotDependOnArrival) {
  std::map<RoundNumber, std::set<SiteName>> first;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Federation federation(seed);
    connect_all(federation, 10);
    JobSpec spec = Federation::spec(5, 2, 0);
    spec.rounds.fraction = 0.5;
    federation.submit(spec);
    ASSERT_TRUE(federation.run());
    if (seed == 1) first = federation.folded;
    EXPECT_EQ(federation.folded, first) << "seed " << seed;
  }
}

// kill -9 after every possible number of steps: the job finishes, nothing is folded twice, nothing
// accepted is trained again.
TEST(Engine, ACrashAtAnyStepLosesNothing) {
  for (int steps = 0; steps < 200; ++steps) {
    Federation federation(7);
    connect_all(federation, 3);
    federation.submit(Federation::spec(3, 3, 0));
    int done = 0;
    while (done < steps && federation.step()) ++done;
    const bool was_over = federation.job().over();
    federation.crash();
    ASSERT_TRUE(federation.run()) << "crash after " << steps << " steps: the job hangs";
    EXPECT_EQ(federation.saved().state, JobState::kFinished) << steps;
    EXPECT_EQ(federation.saved().round, 3u) << steps;
    EXPECT_EQ(federation.double_folds, 0) << steps;
    for (const auto& [round, sites] : federation.folded)
      EXPECT_EQ(sites.size(), 3u) << steps << " round " << round;
    for (const auto& [who, times] : federation.trained)
      EXPECT_EQ(times, 1) << steps << " " << to_string(who.second);
    if (was_over) break;
  }
}

// Random faults from a seed; then they stop and everything must finish.
TEST(Engine, RandomFaultsNeverHangAJob) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Federation federation(seed);
    SeededRandom random(seed);
    connect_all(federation, 6);
    JobSpec spec = Federation::spec(4, 3, 2);
    spec.rounds.attempts = 50;
    federation.submit(spec);
    for (int i = 0; i < 60; ++i) {
      const std::string site =
          "site-" + std::string(1, static_cast<char>('a' + random.uniform_below(6)));
      switch (random.uniform_below(7)) {
        case 0:
          federation.disconnect(site);
          break;
        case 1:
          federation.connect(site);
          break;
        case 2:
          federation.silence(site);
          break;
        case 3:
          federation.let_go(site);
          break;
        case 4:
          federation.crash();
          break;
        case 5:
          federation.pass(Milliseconds(static_cast<std::int64_t>(random.uniform_below(40'000))));
          break;
        default:
          for (int k = 0; k < 5; ++k) federation.step();
          break;
      }
    }
    for (char c = 'a'; c < 'g'; ++c) {
      federation.let_go("site-" + std::string(1, c));
      federation.connect("site-" + std::string(1, c));
    }
    ASSERT_TRUE(federation.run()) << "seed " << seed << ": the job hangs";
    EXPECT_EQ(federation.double_folds, 0) << "seed " << seed;
    for (const RoundRow& row : federation.rows()) {
      for (const ParticipantRow& one : row.participants) {
        EXPECT_NE(one.reason, "pending")
            << "seed " << seed << ": " << one.site << " has no reason in round " << row.round;
      }
    }
  }
}

}  // namespace
}  // namespace tributary::testing
