// SPDX-License-Identifier: Apache-2.0
// kill -9 at fifty random moments of a job of twenty rounds: it comes to the same bytes, and nobody
// does twice what was accepted once. A failure prints the seed; replay it with TRIBUTARY_SEED=N
// e2e_random_kills.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "tests/e2e/federation_files.h"
#include "tests/support/seed.h"

namespace tributary {
namespace {

constexpr int kSites = 3;
constexpr int kRounds = 20;
constexpr int kKills = 50;
// Kills for which the job still ran; a machine that is busy may draw the last ones too late.
constexpr int kKillsThatCount = 45;

constexpr const char* kTrain =
    "{steps: 2500, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";
// Nobody is given up: each round has the updates of all sites.
constexpr const char* kPolicy =
    "{count: 20, minimum_sites: 3, deadline: 10m, disconnect_grace: 10m}";

std::string site_name(int site) { return "hospital-" + std::to_string(site); }

// Kills somebody, and starts it again at once. Whether the job still ran when it died.
using Strike = std::function<bool(FederationFiles&, RandomSource&)>;

bool strike_coordinator(FederationFiles& federation, RandomSource&) {
  EXPECT_TRUE(federation.kill_coordinator()) << "it ended by itself\n" << federation.logs();
  const bool landed = !federation.job_over();
  federation.start_coordinator();
  return landed;
}

bool strike_client(FederationFiles& federation, RandomSource& random) {
  const int site = 1 + static_cast<int>(random.uniform_below(kSites));
  EXPECT_TRUE(federation.kill_client(site)) << "it ended by itself\n" << federation.logs();
  const bool landed = !federation.job_over();
  federation.start_client(site);
  return landed;
}

// Strikes at random moments, spread from before the first round into the last. How many landed.
int strike_often(FederationFiles& federation, const Strike& strike, RandomSource& random) {
  int landed = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    const int round = kill * (kRounds + 1) / kKills;
    if (round > 0 && !federation.wait_for("round.started",
                                          {{"round", std::to_string(round)}, {"task", "train"}}))
      break;
    if (!federation.wait_for_moment(random, 12)) break;
    landed += strike(federation, random) ? 1 : 0;
  }
  return landed;
}

struct JobRun {
  std::string job;
  int landed = 0;
};

JobRun run_job(FederationFiles& federation, const Strike& strike, RandomSource& random) {
  JobRun run;
  federation.start_coordinator();
  for (int site = 1; site <= kSites; ++site) federation.start_client(site);
  EXPECT_TRUE(federation.wait_for("site.connected", {}, kSites)) << federation.logs();
  run.job = federation.submit(federation.write_job(kTrain, kPolicy));
  if (strike) run.landed = strike_often(federation, strike, random);
  EXPECT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  return run;
}

const std::string& calm_model() {
  static const std::string model = [] {
    FederationFiles federation(kSites);
    SeededRandom unused(0);
    const JobRun run = run_job(federation, nullptr, unused);
    return federation.final_model(run.job);
  }();
  return model;
}

using Place = std::pair<int, std::string>;  // round and site

// When the coordinator accepted the update of each site in each round, by its log.
std::map<Place, std::vector<std::string>> accepted_by_the_log(const FederationFiles& federation) {
  std::map<Place, std::vector<std::string>> times;
  for (const Json& event :
       federation.events("client.outcome", {{"task", "train"}, {"reason", "accepted"}}))
    times[{event["round"], event["site"]}].push_back(event["ts"]);
  return times;
}

// By the coordinator's own record each round was done once, at the first try, with each site.
void expect_full_record(const FederationFiles& federation, const std::string& job) {
  std::string output;
  ASSERT_EQ(federation.ctl({"job", "show", job, "--json"}, &output), 0) << output;
  std::set<Place> accepted;
  std::size_t rows = 0;
  const Json record = Json::parse(output);
  for (const Json& round : record["rounds"]) {
    if (round["task"] != "train") continue;
    EXPECT_EQ(round["outcome"], "committed");
    EXPECT_EQ(round["attempt"], 1);
    for (const Json& one : round["participants"]) {
      ++rows;
      EXPECT_EQ(one["reason"], "accepted");
      accepted.emplace(round["round"], one["site"]);
    }
  }
  EXPECT_EQ(rows, std::size_t{kRounds * kSites});
  EXPECT_EQ(accepted.size(), rows) << "none twice";
}

// Trainings that a site began, over all its lives; none of what it had finished or what the
// coordinator had accepted.
int count_trainings(const FederationFiles& federation, int site) {
  const auto accepted = accepted_by_the_log(federation);
  std::set<int> finished;
  int trainings = 0;
  for (const Json& event : federation.log_of_client(site)) {
    const std::string name = event["event"];
    if (name == "task.finished" && event["task"] == "train") finished.insert(int{event["round"]});
    if (name != "training.started") continue;
    ++trainings;
    const int round = event["round"];
    EXPECT_FALSE(finished.contains(round)) << site_name(site) << " has a result: " << event;
    const auto taken = accepted.find({round, site_name(site)});
    if (taken == accepted.end()) continue;  // see below
    EXPECT_LE(event["ts"].get<std::string>(), taken->second.front())
        << site_name(site) << " trains what is accepted: " << event;
  }
  return trainings;
}

class RandomKills : public testing::Test {
 protected:
  void expect_same_model(const JobRun& run) {
    std::cout << "seed " << seed_ << ": " << run.landed << " of " << kKills << " kills landed\n";
    EXPECT_GE(run.landed, kKillsThatCount);
    ASSERT_FALSE(calm_model().empty());
    EXPECT_TRUE(federation_.final_model(run.job) == calm_model()) << federation_.logs();
    expect_full_record(federation_, run.job);
    for (const auto& [place, times] : accepted_by_the_log(federation_))
      EXPECT_EQ(times.size(), 1u) << "round " << place.first << " " << place.second;
  }

  const std::uint64_t seed_ = seed_of_run();
  testing::ScopedTrace trace_{__FILE__, __LINE__, "TRIBUTARY_SEED=" + std::to_string(seed_)};
  SeededRandom random_{seed_};
  FederationFiles federation_{kSites};
};

TEST_F(RandomKills, OfTheCoordinatorChangeNoBitAndRepeatNoTraining) {
  const JobRun run = run_job(federation_, strike_coordinator, random_);
  expect_same_model(run);
  // The sites lived: what they had begun they finished, whoever asked.
  for (int site = 1; site <= kSites; ++site)
    EXPECT_EQ(count_trainings(federation_, site), kRounds) << site_name(site);
  // A line is written when its record is durable, so a kill may come in between; the record has it.
  const std::size_t told = accepted_by_the_log(federation_).size();
  std::cout << kRounds * kSites - told << " lines of accepted updates are lost\n";
  EXPECT_GE(told + static_cast<std::size_t>(run.landed), std::size_t{kRounds * kSites});
}

TEST_F(RandomKills, OfClientsChangeNoBitAndRepeatNoTraining) {
  const JobRun run = run_job(federation_, strike_client, random_);
  expect_same_model(run);
  int trainings = 0;
  for (int site = 1; site <= kSites; ++site) trainings += count_trainings(federation_, site);
  std::cout << trainings - kRounds * kSites << " trainings were lost halfway\n";
  EXPECT_LE(trainings, kRounds * kSites + run.landed) << "a kill costs what it interrupted";
  EXPECT_EQ(accepted_by_the_log(federation_).size(), std::size_t{kRounds * kSites});
}

}  // namespace
}  // namespace tributary
