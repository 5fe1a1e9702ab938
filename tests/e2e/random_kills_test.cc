// SPDX-License-Identifier: Apache-2.0
// kill -9 at fifty random moments of a job of twenty rounds: it comes to the same bytes, and nobody
// does twice what was accepted once. A failure prints the seed; replay it with TRIBUTARY_SEED=N
// e2e_random_kills.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <thread>

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
    "{steps: 1000, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";
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

// A federation that does the job, and what struck it meanwhile.
class Campaign {
 public:
  Campaign(int kills, Strike strike, std::uint64_t seed)
      : kills_(kills), strike_(std::move(strike)), random_(seed) {}

  void run() {
    federation.start_coordinator();
    for (int site = 1; site <= kSites; ++site) federation.start_client(site);
    EXPECT_TRUE(federation.wait_for("site.connected", {}, kSites)) << federation.logs();
    job = federation.submit(federation.write_job(kTrain, kPolicy));
    for (int round = 0; round <= kRounds; ++round) {
      if (round > 0 && !wait_for_training(round)) return;
      strike_in(round);
    }
    EXPECT_TRUE(federation.wait_for_end()) << federation.logs();
  }

  FederationFiles federation{kSites};
  std::string job;
  int landed = 0;

 private:
  bool in_training(int round) const {
    return !federation
                .events("round.started", {{"task", "train"}, {"round", std::to_string(round)}})
                .empty();
  }
  bool wait_for_training(int round) {
    const bool there = wait_until([&] { return in_training(round); }, std::chrono::seconds(60));
    EXPECT_TRUE(there) << "round " << round << "\n" << federation.logs();
    return there;
  }
  // Each round has its share of the kills, from round 0, which prepares the job, to the last. They
  // lie some lines of the log apart, fewer where the job is ahead of them.
  void strike_in(int round) {
    const int until = kills_ * (round + 1) / (kRounds + 1);
    for (; struck_ < until; ++struck_) {
      if (!federation.wait_for_moment(random_, in_training(round + 1) ? 2 : 12)) return;
      landed += strike_(federation, random_) ? 1 : 0;
    }
  }

  int kills_, struck_ = 0;
  Strike strike_;
  SeededRandom random_;
};

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
void expect_full_record(const Campaign& campaign) {
  std::string output;
  ASSERT_EQ(campaign.federation.ctl({"job", "show", campaign.job, "--json"}, &output), 0) << output;
  std::set<Place> accepted;
  std::size_t rows = 0;
  const Json record = Json::parse(output);
  EXPECT_EQ(record["summary"]["state"], "finished");
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
    if (taken == accepted.end()) continue;  // its line is lost; see below
    EXPECT_LE(event["ts"].get<std::string>(), taken->second.front())
        << site_name(site) << " trains what is accepted: " << event;
  }
  return trainings;
}

void expect_model(const Campaign& campaign, const std::string& model) {
  EXPECT_GE(campaign.landed, kKillsThatCount);
  EXPECT_TRUE(campaign.federation.final_model(campaign.job) == model) << campaign.federation.logs();
  expect_full_record(campaign);
  for (const auto& [place, times] : accepted_by_the_log(campaign.federation))
    EXPECT_EQ(times.size(), 1u) << "round " << place.first << " " << place.second;
}

TEST(RandomKills, ChangeNoBitOfTheModelAndRepeatNoTraining) {
  const std::uint64_t seed = seed_of_run();
  std::cout << "TRIBUTARY_SEED=" << seed << std::endl;
  Campaign calm(0, nullptr, seed);
  Campaign coordinator(kKills, strike_coordinator, derive_seed(seed, "coordinator"));
  Campaign clients(kKills, strike_client, derive_seed(seed, "clients"));
  {
    // Side by side: where the coordinator dies its sites wait to dial again most of the time.
    std::vector<std::jthread> others;
    for (Campaign* campaign : {&calm, &coordinator})
      others.emplace_back([campaign] { campaign->run(); });
    clients.run();
  }
  const std::string model = calm.federation.final_model(calm.job);
  ASSERT_FALSE(model.empty()) << calm.federation.logs();
  constexpr int kAll = kRounds * kSites;

  expect_model(coordinator, model);
  // The sites lived: what one began it finished, whoever asked.
  for (int site = 1; site <= kSites; ++site)
    EXPECT_EQ(count_trainings(coordinator.federation, site), kRounds) << site_name(site);
  // A line is written when its record is durable, and a kill may come in between.
  const int told = static_cast<int>(accepted_by_the_log(coordinator.federation).size());
  EXPECT_GE(told + coordinator.landed, kAll);

  expect_model(clients, model);
  int trainings = 0;
  for (int site = 1; site <= kSites; ++site) trainings += count_trainings(clients.federation, site);
  EXPECT_LE(trainings, kAll + clients.landed) << "a kill costs what it interrupted";
  EXPECT_EQ(accepted_by_the_log(clients.federation).size(), std::size_t{kAll});

  std::cout << "kills that landed: " << coordinator.landed << " of the coordinator (" << kAll - told
            << " lines lost), " << clients.landed << " of clients (" << trainings - kAll
            << " trainings cut short)" << std::endl;
}

}  // namespace
}  // namespace tributary
