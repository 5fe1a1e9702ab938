// SPDX-License-Identifier: Apache-2.0
// A job that hides whole sites, with real processes: it ends when its budget is spent, operators
// see what it cost, and no kill of the coordinator makes its ledger forget a model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "tests/e2e/federation_files.h"
#include "tests/support/epsilon_by_hand.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr double kNoise = 2.0, kDelta = 1e-5;

double epsilon_of(std::uint64_t uses) { return epsilon_of_sums(uses, kNoise, kDelta); }

std::string private_job(const FederationFiles& federation, const std::string& rounds,
                        const std::string& more) {
  const std::string file =
      federation.write_job("{batch_size: 16, optimizer: {name: sgd, learning_rate: 0.1}}", rounds);
  std::string text = FederationFiles::read(file);
  const auto replace = [&text](const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
  };
  replace("type: categorical", "type: categorical, values: [elective, emergency, transfer]");
  replace("missing: mean", "missing: mean\n  standardize: site");
  text += "privacy: {sites: {clip: 0.5, noise_multiplier: " + std::to_string(kNoise) +
          ", delta: 1e-5, " + more + "}}\n";
  FederationFiles::write(file, text);
  return file;
}

std::string private_job(const FederationFiles& federation, double max_epsilon) {
  return private_job(
      federation, "{count: 50, minimum_sites: 3, target: 3, deadline: 60s}",
      "max_epsilon: " + std::to_string(max_epsilon) + ", adaptive_clip: {count_noise: 4}");
}

Json shown(const FederationFiles& federation, const std::string& job) {
  std::string output;
  EXPECT_EQ(federation.ctl({"job", "show", job, "--json"}, &output), 0) << output;
  return Json::parse(output, nullptr, false);
}

// Of the job, as the coordinator's ledger has it.
Json line_of(const Json& detail, const std::string& job) {
  for (const Json& line : detail["ledger"]["jobs"]) {
    if (line["job"] == job) return line;
  }
  return {};
}

TEST(SitePrivacyJob, EndsWithItsBudgetWhichNoKillMakesItForget) {
  FederationFiles federation(3);
  federation.start_coordinator();
  for (int site = 1; site <= 3; ++site) federation.start_client(site);
  const double budget = (epsilon_of(6) + epsilon_of(7)) / 2;  // six rounds, and no seventh
  const std::string job = federation.submit(private_job(federation, budget));
  SeededRandom random(5);
  for (int kill = 0; kill < 4; ++kill) {
    if (!federation.wait_for_moment(random, 60)) break;
    EXPECT_TRUE(federation.kill_coordinator());
    federation.start_coordinator();
    // Whatever models are out, they are paid for: those told of in any life's log too.
    const Json detail = shown(federation, job);
    const auto committed = federation.events("round.committed", {{"job", job}});
    if (committed.empty()) continue;
    EXPECT_GE(line_of(detail, job)["rounds"], committed.back()["round"]) << federation.logs();
  }
  ASSERT_TRUE(federation.wait_for_end()) << federation.logs();
  const Json detail = shown(federation, job);
  EXPECT_EQ(detail["summary"]["state"], "finished") << federation.logs();
  EXPECT_EQ(detail["summary"]["round"], 6);
  EXPECT_THAT(detail["summary"]["detail"].get<std::string>(), HasSubstr("max_epsilon"));
  const Json line = line_of(detail, job);
  EXPECT_EQ(line["rounds"], 6);
  EXPECT_EQ(line["noise_multiplier"], kNoise);
  EXPECT_NEAR(line["epsilon"].get<double>(), epsilon_of(6), 0.01 * epsilon_of(6));
  EXPECT_EQ(detail["summary"]["epsilon"], line["epsilon"]);
  EXPECT_EQ(detail["ledger"]["dataset_epsilon"], line["epsilon"]) << "no other job spent of it";
  std::uint64_t models = 0;
  for (const Json& round : detail["rounds"]) {
    if (round["outcome"] != "committed") continue;
    ++models;
    EXPECT_NEAR(round["epsilon"].get<double>(), epsilon_of(models), 0.01 * epsilon_of(models));
    EXPECT_GT(round["clip"].get<double>(), 0.0);
  }
  EXPECT_EQ(models, 6u);
}

// Two passes of two rounds, and a round of a third: trees of two leaves, two nodes deep, and one of
// one. Each site is in one round of each.
TEST(SitePrivacyJob, NoKillMakesASiteCountTwiceInAPass) {
  FederationFiles federation(4);
  federation.start_coordinator();
  for (int site = 1; site <= 4; ++site) federation.start_client(site);
  const std::string job = federation.submit(
      private_job(federation, "{count: 5, minimum_sites: 2, target: 2, attempts: 50}",
                  "max_epsilon: 1000, mechanism: tree, rounds_per_pass: 2"));
  const std::string models = federation.path("coordinator/models/" + job);
  const auto keys = [&models] {
    std::vector<std::string> found;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(models, none)) {
      if (entry.path().filename().string().starts_with("noise-")) found.push_back(entry.path());
    }
    return found;
  };
  SeededRandom random(6);
  std::size_t seen = 0;
  for (int kill = 0; kill < 6; ++kill) {
    if (!federation.wait_for_moment(random, 60)) break;
    EXPECT_TRUE(federation.kill_coordinator());
    for (const std::string& key : keys()) {
      struct stat info {};
      ASSERT_EQ(::stat(key.c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777u, 0600u) << key;
      ++seen;
    }
    federation.start_coordinator();
  }
  ASSERT_TRUE(federation.wait_for_end()) << federation.logs();
  EXPECT_GT(seen, 0u);
  const Json detail = shown(federation, job);
  EXPECT_EQ(detail["summary"]["state"], "finished") << federation.logs();
  std::map<std::uint64_t, std::set<std::string>> passes;
  std::uint64_t rounds = 0;
  for (const Json& round : detail["rounds"]) {
    if (round["outcome"] != "committed") continue;
    ++rounds;
    for (const Json& one : round["participants"]) {
      if (one["reason"] != "accepted") continue;
      EXPECT_TRUE(passes[(round["round"].get<std::uint64_t>() - 1) / 2].insert(one["site"]).second)
          << one["site"] << " counts again in round " << round["round"];
    }
    // Nodes that a site may be in: two of each pass that is over, one or two of the open one.
    EXPECT_NEAR(round["epsilon"].get<double>(), epsilon_of(rounds), 0.01 * epsilon_of(rounds));
  }
  EXPECT_EQ(rounds, 5u);
  EXPECT_EQ(passes[0].size(), 4u);
  EXPECT_EQ(passes[1].size(), 4u);
  const Json line = line_of(detail, job);
  EXPECT_EQ(line["mechanism"], "tree");
  EXPECT_EQ(line["rounds_per_pass"], 2);
  EXPECT_TRUE(keys().empty()) << "nothing is drawn again for a job that is over";
}

TEST(SitePrivacyJob, OperatorsSeeTheLedgerOfADatasetAndASecondJobAddsToIt) {
  FederationFiles federation(3);
  federation.start_coordinator();
  for (int site = 1; site <= 3; ++site) federation.start_client(site);
  std::string output;
  EXPECT_EQ(federation.ctl({"job", "submit", private_job(federation, 0.5)}, &output), 2);
  EXPECT_THAT(output, HasSubstr("one round costs epsilon"));
  const std::string file = private_job(federation, (epsilon_of(1) + epsilon_of(2)) / 2);
  const std::string first = federation.submit(file), second = federation.submit(file);
  ASSERT_TRUE(federation.wait_for("job.finished", {}, 2)) << federation.logs();
  EXPECT_EQ(federation.ctl({"job", "show", second}, &output), 0);
  for (const std::string& said : {first, second, std::string("each site there or not"),
                                  std::string("at the delta of this one: epsilon ")})
    EXPECT_THAT(output, HasSubstr(said));
  EXPECT_NEAR(shown(federation, second)["ledger"]["dataset_epsilon"].get<double>(), epsilon_of(2),
              0.01 * epsilon_of(2));
  const auto committed = federation.events("round.committed", {{"job", first}});
  ASSERT_EQ(committed.size(), 1u);
  EXPECT_NEAR(committed[0]["epsilon"].get<double>(), epsilon_of(1), 0.01 * epsilon_of(1));
  EXPECT_EQ(committed[0]["delta"], kDelta);
  EXPECT_EQ(committed[0]["clip"], 0.5);
}

}  // namespace
}  // namespace tributary
