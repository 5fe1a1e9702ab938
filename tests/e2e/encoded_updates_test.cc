// SPDX-License-Identifier: Apache-2.0
// Updates in a smaller encoding, with real processes: they are smaller on the wire, the model is as
// good, and what an encoding left out outlives a client that is killed between two rounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

constexpr int kSites = 3;
constexpr int kRounds = 12;

std::string train_with(const std::string& encoding) {
  return "{epochs: 2, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.1}, encoding: " +
         encoding + "}";
}

void start(FederationFiles& federation) {
  federation.start_coordinator();
  for (int site = 1; site <= kSites; ++site) federation.start_client(site);
  EXPECT_TRUE(federation.wait_for("site.connected", {}, kSites)) << federation.logs();
}

struct Outcome {
  double auc = 0.0;                // of the last round, over all sites
  std::uint64_t update_bytes = 0;  // the largest that was accepted
};

Outcome run_job(const std::string& encoding) {
  FederationFiles federation(kSites);
  start(federation);
  federation.submit(federation.write_job(
      train_with(encoding), "{count: " + std::to_string(kRounds) + ", minimum_sites: 3}",
      "[256, 64]"));
  EXPECT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  EXPECT_TRUE(federation.events("round.retried").empty()) << federation.logs();
  Outcome outcome;
  const auto updates =
      federation.events("client.outcome", {{"task", "train"}, {"reason", "accepted"}});
  EXPECT_EQ(updates.size(), static_cast<std::size_t>(kSites * kRounds));
  for (const Json& update : updates)
    outcome.update_bytes = std::max(outcome.update_bytes, update["bytes"].get<std::uint64_t>());
  const auto evaluations = federation.events("evaluation.finished");
  if (!evaluations.empty()) outcome.auc = evaluations.back()["auc"];
  return outcome;
}

TEST(EncodedUpdates, AreSmallerAndTheModelIsAsGood) {
  const Outcome plain = run_job("fp32");
  EXPECT_GT(plain.update_bytes, 70'000u);
  EXPECT_GT(plain.auc, 0.7);
  const std::vector<std::pair<std::string, double>> most = {{"{name: int8, zstd: 3}", 0.27},
                                                            {"{name: top_k, ratio: 0.05}", 0.09}};
  for (const auto& [encoding, share] : most) {
    SCOPED_TRACE(encoding);
    const Outcome encoded = run_job(encoding);
    EXPECT_LT(static_cast<double>(encoded.update_bytes),
              share * static_cast<double>(plain.update_bytes));
    EXPECT_GT(encoded.update_bytes, 0u);
    EXPECT_NEAR(encoded.auc, plain.auc, 0.05);
  }
}

enum class Killed { kNever, kBetweenRounds, kAndWhatItCarriedLost };

// Hospital 2 stands still, so that no further round can close, until hospital 1 has delivered its
// update, was killed, and is back.
void kill_between_rounds(FederationFiles& federation, Killed how) {
  ASSERT_TRUE(federation.wait_for("round.committed", {}, 3)) << federation.logs();
  federation.signal_client(2, SIGSTOP);
  const std::size_t round = federation.events("round.committed").size() + 1;
  ASSERT_LT(round, static_cast<std::size_t>(kRounds)) << "it was too fast";
  ASSERT_TRUE(federation.wait_for("client.outcome", {{"task", "train"},
                                                     {"site", "hospital-1"},
                                                     {"reason", "accepted"},
                                                     {"round", std::to_string(round)}}));
  ASSERT_TRUE(federation.kill_client(1)) << "it ended by itself";
  const std::string carried = federation.path("state-hospital-1/carried");
  ASSERT_FALSE(std::filesystem::is_empty(carried));
  if (how == Killed::kAndWhatItCarriedLost) std::filesystem::remove_all(carried);
  federation.start_client(1);
  ASSERT_TRUE(federation.wait_for("site.connected", {{"site", "hospital-1"}}, 2));
  federation.signal_client(2, SIGCONT);
}

std::string model_of(Killed how) {
  FederationFiles federation(kSites);
  start(federation);
  // Between trainings nobody evaluates: a round is its three updates. Long enough to be stopped.
  const std::string job = federation.submit(federation.write_job(
      "{steps: 1500, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.1}, encoding: {name: "
      "top_k, ratio: 0.02}}",
      "{count: " + std::to_string(kRounds) + ", minimum_sites: 3}\nevaluate: {every: 0}"));
  if (how != Killed::kNever) kill_between_rounds(federation, how);
  EXPECT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  EXPECT_TRUE(federation.events("round.retried").empty()) << federation.logs();
  return federation.final_model(job);
}

TEST(EncodedUpdates, WhatWasLeftOutOutlivesAKilledClient) {
  const std::string calm = model_of(Killed::kNever);
  ASSERT_FALSE(calm.empty());
  EXPECT_EQ(model_of(Killed::kBetweenRounds), calm);
  EXPECT_NE(model_of(Killed::kAndWhatItCarriedLost), calm) << "it counts what was left out";
}

}  // namespace
}  // namespace tributary
