// SPDX-License-Identifier: Apache-2.0
// Jobs whose updates nobody sees, with real processes: the model is that of the same job in the
// clear, whoever is killed, and no training is done twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "common/tensor/safetensors.h"
#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr int kSites = 5;

// With `privacy` in it, or the same in the clear.
std::string job(const FederationFiles& federation, int rounds, const std::string& privacy,
                const std::string& rule = "weighted_mean", int sites = kSites, int quorum = 3) {
  const std::string file = federation.write_job(
      "{batch_size: 16, optimizer: {name: sgd, learning_rate: 0.1}}",
      "{count: " + std::to_string(rounds) + ", minimum_sites: " + std::to_string(sites) +
          ", quorum: " + std::to_string(quorum) +
          ", deadline: 60s, disconnect_grace: 10s, attempts: 20}");
  std::string text = FederationFiles::read(file);
  const auto replace = [&text](const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
  };
  replace("type: categorical", "type: categorical, values: [elective, emergency, transfer]");
  replace("missing: mean", "missing: mean\n  standardize: site");
  text += "aggregate: {example_cap: 1000, rule: " + rule + "}\n";
  if (!privacy.empty()) text += "privacy: {secure_aggregation: " + privacy + "}\n";
  FederationFiles::write(file, text);
  return file;
}

void start(FederationFiles& federation) {
  federation.start_coordinator();
  for (int site = 1; site <= kSites; ++site) federation.start_client(site);
}

Model final_model(const FederationFiles& federation, const std::string& job) {
  const std::string file = federation.final_model(job);
  const auto model = decode_safetensors(as_bytes(file));
  EXPECT_TRUE(model) << federation.logs();
  return model ? *model : Model{};
}

double distance(const Model& one, const Model& other) {
  double most = 0;
  for (std::size_t i = 0; i < one.values.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(one.values[i]) -
                                   static_cast<double>(other.values.at(i))));
  return most;
}

// What a site trained, by round: each once, whatever happened.
void expect_no_training_twice(const FederationFiles& federation) {
  for (int site = 1; site <= kSites; ++site) {
    std::set<std::pair<std::string, int>> rounds;
    for (const Json& event : federation.client_events(site, "training.finished")) {
      EXPECT_TRUE(rounds.emplace(event["job"], event["round"]).second)
          << site << " trained round " << event["round"] << " twice\n"
          << federation.logs();
    }
  }
}

Json figures(const FederationFiles& federation, const std::string& job) {
  std::string output;
  EXPECT_EQ(federation.ctl({"job", "figures", job, "--json"}, &output), 0) << output;
  return Json::parse(output, nullptr, false);
}

// All that follows from counts comes through a sum of which nobody sees a part; of single sites
// nothing does. The two models differ by rounding, which may move a row across the middle.
void expect_figures_alike(const Json& secret, const Json& clear) {
  int rows = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t j = 0; j < 2; ++j) {
      rows += secret["confusion"][i][j].get<int>();
      EXPECT_NEAR(secret["confusion"][i][j].get<int>(), clear["confusion"][i][j].get<int>(), 2);
    }
  }
  EXPECT_EQ(rows, secret["examples"]);
  for (const char* name : {"balanced_accuracy", "sensitivity", "auc", "brier", "ece"}) {
    EXPECT_NEAR(secret["figures"][name]["value"].get<double>(),
                clear["figures"][name]["value"].get<double>(), 0.05)
        << name;
  }
  EXPECT_LT(secret["figures"]["auc_error"]["value"], 0.01);
  EXPECT_TRUE(secret["figures"]["auc"].contains("limits_95"));
  EXPECT_FALSE(secret["figures"]["brier"].contains("limits_95"));
  EXPECT_FALSE(secret["figures"]["balanced_accuracy"].contains("sites"));
  EXPECT_TRUE(secret["sites"].empty()) << secret["sites"].dump();
  EXPECT_TRUE(clear["figures"]["brier"].contains("limits_95"));
  EXPECT_TRUE(clear["figures"]["balanced_accuracy"]["sites"].contains("worst_site"));
  EXPECT_EQ(clear["sites"].size(), static_cast<std::size_t>(kSites));
}

TEST(SecureSums, GiveTheModelOfTheSameJobInTheClearAndTellNothingElse) {
  FederationFiles federation(kSites);
  start(federation);
  const std::string clear = federation.submit(job(federation, 3, ""));
  ASSERT_TRUE(federation.wait_for("job.finished", {{"job", clear}})) << federation.logs();
  const std::string secret = federation.submit(job(federation, 3, "{clip: 100}"));
  ASSERT_TRUE(federation.wait_for("job.finished", {{"job", secret}})) << federation.logs();
  EXPECT_LT(distance(final_model(federation, secret), final_model(federation, clear)), 2e-4);
  EXPECT_EQ(federation.events("sum.made", {{"job", secret}, {"task", "train"}}).size(), 3u);
  EXPECT_EQ(federation.events("sum.made", {{"job", secret}, {"task", "evaluate"}}).size(), 3u);
  // The figures of all sites together are those of the job in the clear; of one site there are
  // none.
  const auto in_secret = federation.events("evaluation.finished", {{"job", secret}});
  const auto in_clear = federation.events("evaluation.finished", {{"job", clear}});
  ASSERT_EQ(in_secret.size(), 3u);
  EXPECT_EQ(in_secret[2]["examples"], in_clear[2]["examples"]);
  EXPECT_NEAR(in_secret[2]["loss"].get<double>(), in_clear[2]["loss"].get<double>(), 1e-3);
  EXPECT_TRUE(federation.events("site.evaluated", {{"job", secret}}).empty());
  expect_figures_alike(figures(federation, secret), figures(federation, clear));
  std::string output;
  EXPECT_EQ(federation.ctl({"job", "show", secret, "--json"}, &output), 0);
  const Json shown = Json::parse(output);
  for (const Json& round : shown["rounds"]) {
    for (const Json& site : round["participants"]) {
      EXPECT_FALSE(site.contains("loss") && !site["loss"].is_null() && site["loss"] != 0.0)
          << site.dump();
      EXPECT_FALSE(site.contains("examples") && site["examples"] != 0) << site.dump();
    }
  }
}

// Groups of three sites are the rows of a rule that no single site could be shown to.
TEST(SecureSums, OfGroupsAreComparedByARobustRule) {
  FederationFiles federation(9);
  federation.start_coordinator();
  for (int site = 1; site <= 9; ++site) federation.start_client(site);
  const std::string id = federation.submit(job(
      federation, 2, "{clip: 100, group_size: 3, dropout: 0.1, adversarial: 0}", "median", 9, 6));
  ASSERT_TRUE(federation.wait_for("job.finished", {{"job", id}})) << federation.logs();
  const auto sums = federation.events("sum.started", {{"job", id}, {"task", "train"}});
  ASSERT_EQ(sums.size(), 6u) << "three groups in each of two rounds";
  for (const Json& sum : sums) EXPECT_EQ(sum["sites"], 3);
  EXPECT_EQ(federation.events("round.committed", {{"job", id}}).size(), 2u);
}

// Of five sites one is killed in each of some rounds, while the sum is made.
TEST(SecureSums, ASiteThatDiesInTheMiddleIsLeftOutAndTheRoundGoesOn) {
  FederationFiles federation(kSites);
  start(federation);
  const std::string id = federation.submit(job(federation, 4, "{clip: 100, step: 5s}"));
  for (std::size_t sum = 1; sum <= 3; ++sum) {
    ASSERT_TRUE(federation.wait_for("sum.started", {{"job", id}, {"task", "train"}}, sum))
        << federation.logs();
    const int victim = static_cast<int>(sum);
    ASSERT_TRUE(federation.kill_client(victim));
    federation.start_client(victim);
  }
  ASSERT_TRUE(federation.wait_for("job.finished", {{"job", id}})) << federation.logs();
  EXPECT_EQ(federation.events("round.committed", {{"job", id}}).size(), 4u);
  expect_no_training_twice(federation);
}

TEST(SecureSums, NoKillOfTheCoordinatorCostsATraining) {
  FederationFiles federation(kSites);
  start(federation);
  const std::string id = federation.submit(job(federation, 6, "{clip: 100, step: 5s}"));
  SeededRandom random(3);
  for (int kill = 0; kill < 6; ++kill) {
    if (!federation.wait_for_moment(random, 40)) break;
    EXPECT_TRUE(federation.kill_coordinator());
    federation.start_coordinator();
  }
  ASSERT_TRUE(federation.wait_for_end()) << federation.logs();
  EXPECT_EQ(federation.events("job.finished", {{"job", id}}).size(), 1u) << federation.logs();
  expect_no_training_twice(federation);
}

// Three of five go: fewer are left than the job says, and nothing is shown.
TEST(SecureSums, WithTooFewLeftTheRoundFailsWithTheReasonAndIsNeverMadeInTheClear) {
  FederationFiles federation(kSites);
  start(federation);
  const std::string id = federation.submit(job(federation, 2, "{clip: 100, step: 2s}"));
  ASSERT_TRUE(federation.wait_for("sum.started", {{"job", id}, {"task", "train"}}))
      << federation.logs();
  for (const int site : {1, 2, 3}) ASSERT_TRUE(federation.kill_client(site));
  // The sum may have been made already: then that of the next round cannot be.
  ASSERT_TRUE(federation.wait_for("round.retried", {{"job", id}})) << federation.logs();
  EXPECT_TRUE(federation.events("site.evaluated", {{"job", id}}).empty());
  for (const int site : {1, 2, 3}) federation.start_client(site);
  ASSERT_TRUE(federation.wait_for("job.finished", {{"job", id}})) << federation.logs();
  for (const Json& made : federation.events("sum.made", {{"job", id}, {"task", "train"}}))
    EXPECT_GT(made["examples"].get<int>(), 0);
}

}  // namespace
}  // namespace tributary
