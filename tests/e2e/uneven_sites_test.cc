// SPDX-License-Identifier: Apache-2.0
// Eight sites that are not alike: one is twenty times slower, one comes and goes all the time. The
// job does all its rounds, and its log alone tells of each site what became of it in each round. A
// failure prints the seed; replay it with TRIBUTARY_SEED=N e2e_uneven_sites.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <numeric>
#include <set>
#include <tuple>

#include "tests/e2e/federation_files.h"
#include "tests/support/seed.h"

namespace tributary {
namespace {

constexpr int kSites = 8;
constexpr int kRounds = 20;
constexpr int kQuorum = 6;
constexpr int kSlow = 7;
constexpr int kFlapping = 8;

// Passes over all rows: a site with twenty times the rows takes twenty times as long.
constexpr const char* kTrain =
    "{epochs: 60, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";
// The deadline is long for the six and short for the slow one. On a machine that is busy otherwise
// some of the six may be late: then the round is tried again.
constexpr const char* kPolicy =
    "{count: 20, minimum_sites: 6, quorum: 6, deadline: 1500ms, disconnect_grace: 300ms, attempts: "
    "100}";

std::string site_name(int site) { return "hospital-" + std::to_string(site); }

void give_twenty_times_the_rows(const FederationFiles& federation, int site) {
  const std::string path = federation.path("data/" + site_name(site) + ".csv");
  std::string text = FederationFiles::read(path);
  const std::string rows = text.substr(text.find('\n') + 1);
  for (int i = 1; i < 20; ++i) text += rows;
  FederationFiles::write(path, text);
}

// Killed and started again, or only stopped for a while, until the job is over. How often.
int flap(FederationFiles& federation, RandomSource& random) {
  int times = 0;
  while (federation.wait_for_moment(random, 20)) {
    ++times;
    if (random.uniform_below(2) == 0) {
      federation.signal_client(kFlapping, SIGSTOP);
      federation.wait_for_moment(random, 40);
      federation.signal_client(kFlapping, SIGCONT);
    } else {
      const std::map<std::string, std::string> its = {{"site", site_name(kFlapping)}};
      const std::size_t links = federation.events("site.connected", its).size();
      EXPECT_TRUE(federation.kill_client(kFlapping)) << "it ended by itself";
      federation.start_client(kFlapping);
      EXPECT_TRUE(federation.wait_for("site.connected", its, links + 1)) << federation.logs();
    }
  }
  return times;
}

// What the log says of one task of one round, over all tries.
struct Told {
  int selected_last = 0;  // in the last try
  std::set<std::string> accepted;
};

class Account {
 public:
  explicit Account(const std::vector<Json>& log) {
    for (const Json& event : log) {
      const bool before_rounds = event.value("round", -1) == 0;
      if (!before_rounds) read(event, event["event"]);
    }
  }

  std::map<int, Told> trained;                                // by round
  std::map<std::string, std::map<std::string, int>> endings;  // of trainings, by site and reason
  std::vector<int> committed;

 private:
  void read(const Json& event, const std::string& name) {
    if (name == "round.started") {
      EXPECT_EQ(announced_, 0) << "a site of the last try is not named: " << event;
      announced_ = event["sites"];
      attempt_ = event["attempt"];
      if (is_training(event)) trained[event["round"]].selected_last = announced_;
    } else if (name == "client.selected") {
      --announced_;
      const Place place{event["task"], event["round"], attempt_, event["site"]};
      EXPECT_TRUE(open_.insert(place).second) << "selected twice: " << event;
    } else if (name == "client.outcome") {
      read_outcome(event);
    } else if (name == "round.committed") {
      read_commit(event);
    } else if (name == "job.finished") {
      EXPECT_TRUE(open_.empty()) << open_.size() << " sites without an end, such as "
                                 << std::get<3>(*open_.begin());
    }
  }

  void read_outcome(const Json& event) {
    const std::string site = event["site"], reason = event["reason"];
    EXPECT_THAT(reason, testing::Not(testing::AnyOf("", "pending", "unknown"))) << event;
    const Place place{event["task"], event["round"], event["attempt"], site};
    EXPECT_EQ(open_.erase(place), 1u) << "not selected, or told twice: " << event;
    if (!is_training(event)) return;
    ++endings[site][reason];
    if (reason == "accepted") trained[event["round"]].accepted.insert(site);
  }

  void read_commit(const Json& event) {
    const int round = event["round"];
    committed.push_back(round);
    const int accepted = event["accepted"];
    EXPECT_EQ(trained[round].accepted.size(), static_cast<std::size_t>(accepted)) << event;
    EXPECT_GE(accepted, kQuorum) << event;
    EXPECT_GE(event["selected"].get<int>(), std::max(accepted, trained[round].selected_last));
  }

  static bool is_training(const Json& event) { return event["task"] == "train"; }

  using Place = std::tuple<std::string, int, int, std::string>;  // task, round, try, site
  std::set<Place> open_;                                         // selected, and no end told yet
  int announced_ = 0, attempt_ = 0;
};

TEST(UnevenSites, EveryRoundIsDoneAndEverySiteIsAccountedFor) {
  const std::uint64_t seed = seed_of_run();
  SCOPED_TRACE("TRIBUTARY_SEED=" + std::to_string(seed));
  SeededRandom random(seed);
  FederationFiles federation(kSites);
  give_twenty_times_the_rows(federation, kSlow);
  federation.start_coordinator();
  for (int site = 1; site <= kSites; ++site) federation.start_client(site);
  ASSERT_TRUE(federation.wait_for("site.connected", {}, kSites)) << federation.logs();
  federation.submit(federation.write_job(kTrain, kPolicy));
  const int times = flap(federation, random);
  ASSERT_EQ(federation.events("job.finished").size(), 1u) << federation.logs();

  Account account(federation.log_of_coordinator());
  std::vector<int> all(kRounds);
  std::iota(all.begin(), all.end(), 1);
  EXPECT_EQ(account.committed, all);
  // The sites were as uneven as they had to be.
  auto& flapping = account.endings[site_name(kFlapping)];
  const auto rows = [&](int site) {
    return std::ranges::count(
        FederationFiles::read(federation.path("data/" + site_name(site) + ".csv")), '\n');
  };
  EXPECT_GT(rows(kSlow), 15 * rows(1)) << "twenty times the work";
  EXPECT_GE(times, 5);
  EXPECT_GE(flapping.size() - flapping.count("accepted"), 1u) << "it comes and goes";
  std::cout << "seed " << seed << ": " << times << " flaps;";
  for (const auto& [site, reasons] : account.endings) {
    std::cout << " " << site;
    for (const auto& [reason, count] : reasons) std::cout << " " << reason << "=" << count;
    std::cout << ";";
  }
  std::cout << " " << federation.events("round.retried").size() << " retries\n";
}

}  // namespace
}  // namespace tributary
