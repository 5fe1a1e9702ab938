// SPDX-License-Identifier: Apache-2.0
// Where noise is of sums over rounds, each site counts once in a pass, whatever happens: the
// promise is for nobody else.
#include "coordinator/round/pass.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/coordinator/round/federation.h"

namespace tributary::testing {
namespace {

using ::testing::HasSubstr;

JobSpec job_of_passes(std::uint32_t rounds, std::uint32_t rounds_per_pass) {
  JobSpec spec = Federation::spec(rounds, 2, 2);
  spec.rounds.target = 2;
  spec.rounds.attempts = 100;
  spec.privacy.sites = SitePrivacy{.mechanism = SiteMechanism::kTree,
                                   .noise_multiplier = 1.5,
                                   .max_epsilon = 1e6,
                                   .rounds_per_pass = rounds_per_pass,
                                   .adaptive = {}};
  return spec;
}

// Each costs nothing to speak of.
SitesSpent spent_with(RoundNumber round) { return {round * 1.0, round + 1.0, 1.0}; }

// The sites of each pass, of which none is twice in it.
void expect_once_in_each_pass(const Federation& federation, std::uint32_t rounds_per_pass) {
  std::map<RoundNumber, std::set<SiteName>> passes;
  for (const auto& [round, sites] : federation.folded) {
    EXPECT_EQ(sites.size(), 2u) << "whoever counts beyond the target is missing later";
    for (const SiteName& site : sites)
      EXPECT_TRUE(passes[(round - 1) / rounds_per_pass].insert(site).second)
          << site.value << " counts again in round " << round;
  }
}

TEST(Passes, EachSiteCountsOnceInAPassAndAgainInTheNext) {
  for (const SelectionRule rule :
       {SelectionRule::kAll, SelectionRule::kUniform, SelectionRule::kRoundRobin}) {
    Federation federation(static_cast<std::uint64_t>(rule) + 1);
    connect_all(federation, 7);
    federation.spends = spent_with;
    JobSpec spec = job_of_passes(8, 3);
    spec.rounds.selection = rule;
    federation.submit(spec);
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
    EXPECT_EQ(federation.folded.size(), 8u);
    expect_once_in_each_pass(federation, 3);
    ASSERT_EQ(federation.ledger.size(), 8u);
    EXPECT_EQ(federation.ledger.back().rounds_per_pass, 3u);
    EXPECT_TRUE(federation.reports("pass.short").empty());
  }
}

TEST(Passes, NeitherACrashNorALostSumNorABreakMakesASiteCountTwice) {
  for (int steps = 0; steps < 240; steps += 3) {
    SCOPED_TRACE(steps);
    Federation federation(static_cast<std::uint64_t>(steps) + 3);
    connect_all(federation, 6);
    federation.spends = spent_with;
    federation.submit(job_of_passes(6, 3));
    for (int i = 0; i < steps; ++i) federation.step();
    if (steps % 2 == 0) federation.lose_sum();
    federation.crash();
    for (int i = 0; i < steps / 2; ++i) federation.step();
    federation.disconnect(site_name(steps % 6));
    federation.connect(site_name(steps % 6));
    ASSERT_TRUE(federation.run());
    EXPECT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
    EXPECT_EQ(federation.folded.size(), 6u);
    EXPECT_EQ(federation.double_folds, 0);
    expect_once_in_each_pass(federation, 3);
  }
}

// Four sites for two rounds of two each; one of them leaves after the first.
TEST(Passes, ARoundWaitsForThoseWhoHaveNotCountedAndSaysWhy) {
  Federation federation(5);
  connect_all(federation, 4);
  federation.spends = spent_with;
  JobSpec spec = job_of_passes(4, 2);
  spec.rounds.wait_for_sites_ms = 100'000'000;
  federation.submit(spec);
  while (federation.job().record().round < 1) ASSERT_TRUE(federation.step());
  std::set<SiteName> left;
  for (int i = 0; i < 4; ++i) left.insert(SiteName{site_name(i)});
  for (const SiteName& site : federation.folded.at(1)) left.erase(site);
  const std::string gone = left.begin()->value;
  federation.forget_answers_of(gone);
  federation.disconnect(gone);
  // The evaluation ends without it first.
  for (int i = 0; i < 100 && !federation.job().waiting(); ++i)
    federation.pass(Milliseconds(60'000));
  EXPECT_THAT(
      federation.job().waiting_for(),
      HasSubstr("2 counted in this pass of privacy.sites.rounds_per_pass 2 already, and are "
                "asked again from round 3 on"));
  const auto waiting = federation.reports("job.waiting");
  ASSERT_FALSE(waiting.empty());
  federation.connect(gone);
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
  expect_once_in_each_pass(federation, 2);
}

TEST(Passes, AJobThatWaitedInVainSaysWhy) {
  Federation federation(6);
  connect_all(federation, 4);
  federation.spends = spent_with;
  federation.submit(job_of_passes(4, 2));
  while (federation.job().record().round < 1) ASSERT_TRUE(federation.step());
  for (int i = 0; i < 4; ++i) {
    if (federation.folded.at(1).contains(SiteName{site_name(i)})) continue;
    federation.forget_answers_of(site_name(i));
    federation.disconnect(site_name(i));
  }
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFailed);
  EXPECT_THAT(federation.saved().detail, HasSubstr("2 counted in this pass"));
  EXPECT_THAT(federation.saved().detail, HasSubstr("a smaller rounds.quorum"));
}

// Others may come: it waits for them as any job waits for its sites.
TEST(Passes, APassThatCannotBeFilledIsToldBeforeAnybodyTrains) {
  Federation federation(7);
  connect_all(federation, 5);
  federation.submit(job_of_passes(10, 4));
  EXPECT_THAT(federation.job().waiting_for(), HasSubstr("waits for 8 sites (rounds_per_pass)"));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFailed);
  EXPECT_THAT(federation.saved().detail,
              HasSubstr("a pass of privacy.sites.rounds_per_pass 4 takes 8 sites, 2 in each round "
                        "and each of them once: 5 can train, enough for rounds_per_pass: 2"));
  EXPECT_TRUE(federation.folded.empty());
  EXPECT_EQ(why_pass_is_too_long(job_of_passes(2, 4), 4, 0, 2), "") << "no more than two rounds";
  EXPECT_THAT(why_pass_is_too_long(job_of_passes(10, 4), 1, 2, 2),
              HasSubstr("1 can train and 2 more are known, too few"));
  EXPECT_EQ(why_pass_is_too_long(job_of_passes(10, 4), 6, 2, 2), "");
  EXPECT_EQ(why_pass_is_too_long(Federation::spec(10, 2, 2), 0, 0, 2), "") << "it has no passes";
}

TEST(Passes, SitesWithoutRowsFillNone) {
  Federation federation(9);
  connect_all(federation, 8);
  for (int i = 0; i < 2; ++i)
    federation.tell(site_name(i), {.training_rows = 0, .numeric = {}, .categories = {}});
  federation.submit(job_of_passes(10, 4));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFailed);
  EXPECT_THAT(federation.saved().detail, HasSubstr("6 can train, enough for rounds_per_pass: 3"));
}

// Rounds of two and at least one: four sites are enough for four, if the rounds are so small.
TEST(Passes, WhereRoundsMayHaveFewerSitesThanTheirTargetThatIsTold) {
  Federation federation(8);
  connect_all(federation, 4);
  federation.spends = spent_with;
  JobSpec spec = job_of_passes(4, 4);
  spec.rounds.quorum = spec.rounds.minimum_sites = 1;
  federation.submit(spec);
  federation.settle();
  const auto told = federation.reports("pass.short");
  ASSERT_EQ(told.size(), 1u);
}

// Those who are away may come back in time.
TEST(Passes, SitesThatAreKnownAndAwayMayFillIt) {
  Federation federation(8);
  connect_all(federation, 8);
  federation.spends = spent_with;
  federation.submit(job_of_passes(4, 4));
  while (federation.job().record().state == JobState::kPreparing) ASSERT_TRUE(federation.step());
  for (int i = 6; i < 8; ++i) federation.disconnect(site_name(i));
  while (federation.job().record().round < 1) ASSERT_TRUE(federation.step());
  for (int i = 6; i < 8; ++i) federation.connect(site_name(i));
  ASSERT_TRUE(federation.run());
  EXPECT_EQ(federation.saved().state, JobState::kFinished) << federation.saved().detail;
  expect_once_in_each_pass(federation, 4);
}

// Whatever asked it: a record of another version, or a damaged one.
TEST(Passes, ASecondUpdateInAPassIsNotFolded) {
  const std::vector<SiteName> sites = {SiteName{"a"}, SiteName{"b"}};
  JobRecord record;
  record.id = JobId{"demo-1"};
  record.state = JobState::kTraining;
  record.cohort = sites;
  record.model = {digest_of(1), 4};
  record.spent = spent_with(1);
  for (const SiteName& site : sites) record.rows[site] = {10, 0};
  record.history[sites[0]].counted = 1;
  // In the round after `round`, of passes of three.
  const auto folded_after = [&](RoundNumber round) {
    record.round = round;
    record.open_round = round + 1;
    Engine engine{EngineOptions{}};
    std::set<std::string> folded;
    const auto feed = [&](const RoundEvent& event) {
      for (const RoundEffect& effect : engine.handle(TimePoint{}, event)) {
        if (const auto* absorbed = std::get_if<AbsorbUpdate>(&effect))
          folded.insert(absorbed->update.site.value);
      }
    };
    feed(JobRecovered{record, job_of_passes(9, 3), {}});
    for (const SiteName& site : sites) feed(SiteConnected{site, {"demo"}});
    feed(TimePassed{});
    for (const SiteName& site : sites) {
      const TaskKey key{record.id, round + 1, 1, TaskKind::kTrain};
      feed(SiteReturned{site, {key, TrainResult{{digest_of(9), 4}, 10, 0.5, 1.0, 0.1}}});
      feed(UpdateArrived{site, key});
      feed(UpdateChecked{site, key, Reason::kAccepted, "", 1.0});
    }
    return folded;
  };
  EXPECT_EQ(folded_after(2), (std::set<std::string>{"b"})) << "it counted in round 1 of this pass";
  EXPECT_EQ(folded_after(3), (std::set<std::string>{"a", "b"})) << "which is over";
}

}  // namespace
}  // namespace tributary::testing
