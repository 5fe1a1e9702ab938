// SPDX-License-Identifier: Apache-2.0
// Jobs whose sites hide from the coordinator too, with real processes: each adds its part of the
// noise to an update that nobody sees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "common/tensor/safetensors.h"
#include "tests/e2e/federation_files.h"
#include "tests/support/epsilon_by_hand.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kSites = 5;

// Every site counts alike, hidden or not.
std::string job(const FederationFiles& federation, int rounds, const std::string& privacy) {
  const std::string file = federation.write_job(
      "{batch_size: 16, optimizer: {name: sgd, learning_rate: 0.1}}",
      "{count: " + std::to_string(rounds) +
          ", minimum_sites: 5, quorum: 4, target: 5, deadline: 60s, disconnect_grace: 10s, "
          "attempts: 20}");
  std::string text = FederationFiles::read(file);
  const auto replace = [&text](const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
  };
  replace("type: categorical", "type: categorical, values: [elective, emergency, transfer]");
  replace("missing: mean", "missing: mean\n  standardize: site");
  text += "aggregate: {example_cap: 1}\nprivacy: {secure_aggregation: {" + privacy + "\n";
  FederationFiles::write(file, text);
  return file;
}

std::string hiding(double multiplier, double max_epsilon, const std::string& more = "") {
  return "step: 5s}, sites: {clip: 2, delta: 1e-5, noise_multiplier: " +
         std::to_string(multiplier) + ", max_epsilon: " + std::to_string(max_epsilon) + more + "}}";
}

void start(FederationFiles& federation) {
  federation.start_coordinator();
  for (int site = 1; site <= kSites; ++site) federation.start_client(site);
}

double distance(const FederationFiles& federation, const std::string& one,
                const std::string& other) {
  const std::string files[] = {federation.final_model(one), federation.final_model(other)};
  const auto first = decode_safetensors(as_bytes(files[0]));
  const auto second = decode_safetensors(as_bytes(files[1]));
  EXPECT_TRUE(first && second) << federation.logs();
  if (!first || !second) return NAN;
  double most = 0;
  for (std::size_t i = 0; i < first->values.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(first->values[i]) -
                                   static_cast<double>(second->values.at(i))));
  return most;
}

TEST(HiddenSites, TheModelIsThatOfTheSumWithNoiseAndNothingElseIsTold) {
  FederationFiles federation(kSites);
  start(federation);
  const std::string exact = federation.submit(job(federation, 2, "clip: 2}}"));
  ASSERT_TRUE(federation.wait_for("job.finished", {{"job", exact}})) << federation.logs();
  const std::string quiet = federation.submit(job(federation, 2, hiding(0.01, 1e9)));
  ASSERT_TRUE(federation.wait_for("job.finished", {{"job", quiet}})) << federation.logs();
  const std::string loud = federation.submit(job(federation, 2, hiding(20, 1e9)));
  ASSERT_TRUE(federation.wait_for("job.finished", {{"job", loud}})) << federation.logs();
  // Of a weight, in a round: 0.01 or 20 times the clip of 2, by five sites of whom four are sure to
  // add noise, divided by 5: 0.0045, or 9.
  EXPECT_LT(distance(federation, quiet, exact), 0.05);
  EXPECT_GT(distance(federation, quiet, exact), 1e-5);
  EXPECT_GT(distance(federation, loud, exact), 3.0);
  const auto committed = federation.events("round.committed", {{"job", loud}});
  ASSERT_EQ(committed.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const double expected = epsilon_of_sums(i + 1, 20, 1e-5);
    // From above: of such a small epsilon the best order is between those that are looked at.
    EXPECT_GE(committed[i]["epsilon"].get<double>(), 0.999 * expected);
    EXPECT_LE(committed[i]["epsilon"].get<double>(), 1.05 * expected);
    EXPECT_EQ(committed[i]["clip"], 2.0);
    EXPECT_FALSE(committed[i].contains("examples"));
  }
  for (const Json& made : federation.events("sum.made", {{"job", loud}, {"task", "train"}})) {
    for (const char* field : {"examples", "loss", "clipped", "saturated"})
      EXPECT_FALSE(made.contains(field)) << made.dump();
  }
  const std::string log = federation.path("client.txt");
  EXPECT_EQ(run_process({FederationFiles::program("tributary-client"), "--config",
                         federation.path("hospital-1.yaml"), "jobs", "inspect", loud},
                        log),
            0);
  const std::string shown = FederationFiles::read(log);
  for (const char* said : {"its part of the noise", "epsilon is at most 1e+09 at delta 1e-05",
                           "evaluations have no noise"})
    EXPECT_THAT(shown, HasSubstr(said));
  EXPECT_THAT(shown, Not(HasSubstr("in the sum alone: rows, loss")));
  std::string output;
  EXPECT_EQ(federation.ctl({"job", "show", loud, "--json"}, &output), 0);
  for (const Json& round : Json::parse(output)["rounds"]) {
    if (round["outcome"] == "committed") {
      EXPECT_EQ(round["examples"], 0);
    }
  }
}

// The next clip is what the noisy count made of it, whoever was killed; the budget ends the job.
TEST(HiddenSites, TheClipAdaptsAndTheBudgetEndsTheJobAcrossAKill) {
  FederationFiles federation(kSites);
  start(federation);
  const double budget = (epsilon_of_sums(6, 10, 1e-5) + epsilon_of_sums(7, 10, 1e-5)) / 2;
  const std::string id = federation.submit(
      job(federation, 50, hiding(10, budget, ", adaptive_clip: {count_noise: 6}")));
  ASSERT_TRUE(federation.wait_for("round.committed", {{"job", id}})) << federation.logs();
  ASSERT_TRUE(federation.kill_coordinator());
  federation.start_coordinator();
  ASSERT_TRUE(federation.wait_for_end()) << federation.logs();
  EXPECT_EQ(federation.events("job.finished", {{"job", id}}).size(), 1u) << federation.logs();
  std::string output;
  EXPECT_EQ(federation.ctl({"job", "show", id, "--json"}, &output), 0);
  const Json detail = Json::parse(output);
  EXPECT_THAT(detail["summary"]["detail"].get<std::string>(), HasSubstr("max_epsilon"));
  // Six models, or fewer where a sum was lost that the sites had given to.
  EXPECT_LE(detail["summary"]["round"], 6);
  EXPECT_GE(detail["summary"]["round"], 4);
  double clip = 0;
  std::set<double> clips;
  for (const Json& round : detail["rounds"]) {
    if (round["outcome"] != "committed") continue;
    const double next = round["clip"].get<double>();
    if (clips.empty()) {
      EXPECT_EQ(next, 2.0);
    } else {  // of five: 1 for each within, -1 for each longer one, and noise in whole numbers
      const double counted = -5 * 2 * std::log(next / clip) / 0.2;
      EXPECT_NEAR(counted, std::round(counted), 1e-6);
    }
    clip = next;
    clips.insert(clip);
  }
  EXPECT_GE(clips.size(), 2u) << "the noise's deviation is 13: it is not 0 three times";
  for (int site = 1; site <= kSites; ++site)
    EXPECT_LE(federation.client_events(site, "sum.input", {{"task", "train"}}).size(), 6u);
}

}  // namespace
}  // namespace tributary
