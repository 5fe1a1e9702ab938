// SPDX-License-Identifier: Apache-2.0
// Models that sites fetch as what changed in the last one, with real processes: the downloads are
// smaller, all have the same model, and whoever has lost the last one gets the whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/crypto/digest.h"
#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

constexpr int kSites = 2;

std::string write_job(const FederationFiles& federation, int rounds, const std::string& steps) {
  return federation.write_job(
      "{" + steps +
          ", batch_size: 8, optimizer: {name: sgd, learning_rate: 0.1}, download_encoding: int8}",
      "{count: " + std::to_string(rounds) + ", minimum_sites: 2, deadline: 60s}", "[256, 64]");
}

void start(FederationFiles& federation) {
  federation.start_coordinator();
  for (int site = 1; site <= kSites; ++site) federation.start_client(site);
  ASSERT_TRUE(federation.wait_for("site.connected", {}, kSites)) << federation.logs();
}

std::string short_digest(const std::string& bytes) { return sha256(as_bytes(bytes)).short_hex(); }

// A site logs the models that it makes at this level.
void log_all_of_clients(FederationFiles& federation) {
  federation.configure_clients("level: debug");
}

TEST(DownloadEncoding, SitesFetchWhatChangedAndHaveTheModelOfTheCoordinator) {
  constexpr int kRounds = 5;
  FederationFiles federation(kSites);
  log_all_of_clients(federation);
  start(federation);
  const std::string job = federation.submit(write_job(federation, kRounds, "epochs: 2"));
  ASSERT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  const auto committed = federation.events("round.committed");
  ASSERT_EQ(committed.size(), static_cast<std::size_t>(kRounds));
  for (int site = 1; site <= kSites; ++site) {
    const auto applied = federation.client_events(site, "delta.applied");
    ASSERT_EQ(applied.size(), static_cast<std::size_t>(kRounds)) << federation.logs();
    EXPECT_TRUE(federation.client_events(site, "delta.failed").empty());
    for (std::size_t round = 0; round < applied.size(); ++round) {
      EXPECT_EQ(applied[round]["digest"], committed[round]["model"]);
      EXPECT_EQ(applied[round]["bytes"], committed[round]["delta_bytes"]);
      EXPECT_GT(committed[round]["model_bytes"].get<int>(), 70'000);
      EXPECT_LE(3 * applied[round]["bytes"].get<int>(), committed[round]["model_bytes"].get<int>());
    }
  }
  const std::string last = federation.final_model(job);
  EXPECT_EQ(short_digest(last), committed.back()["model"]);
  const auto evaluations = federation.events("evaluation.finished");
  ASSERT_FALSE(evaluations.empty());
  EXPECT_GT(evaluations.back()["auc"].get<double>(), 0.7) << "it has learned";
}

// Hospital 1 has the whole model to fetch after its state was deleted, and again what changed
// later.
std::string model_of(bool emptied) {
  constexpr int kRounds = 8;
  FederationFiles federation(kSites);
  log_all_of_clients(federation);
  start(federation);
  const std::string job = federation.submit(write_job(federation, kRounds, "steps: 1500"));
  if (emptied) {
    EXPECT_TRUE(federation.wait_for("round.committed", {}, 2)) << federation.logs();
    EXPECT_TRUE(federation.kill_client(1)) << "it ended by itself";
    std::filesystem::remove_all(federation.path("state-hospital-1"));
    federation.start_client(1);
  }
  EXPECT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  const auto applied = federation.client_events(1, "delta.applied").size();
  EXPECT_GE(federation.client_events(2, "delta.applied").size(),
            static_cast<std::size_t>(kRounds) - 1)
      << federation.logs();
  if (emptied) {
    EXPECT_LT(applied, static_cast<std::size_t>(kRounds)) << "one of them came whole";
    EXPECT_GE(applied, 3u) << federation.logs();
  }
  for (const Json& row : federation.events("client.outcome", {{"task", "train"}})) {
    EXPECT_THAT((std::vector<std::string>{"accepted", "disconnected"}),
                testing::Contains(row["reason"].get<std::string>()))
        << row.dump();
  }
  return federation.final_model(job);
}

TEST(DownloadEncoding, ASiteThatLostItsStateTakesPartWithTheWholeModel) {
  const std::string calm = model_of(false);
  ASSERT_FALSE(calm.empty());
  EXPECT_EQ(model_of(true), calm);
}

// And a coordinator that is killed goes on to the same bits.
TEST(DownloadEncoding, AKilledCoordinatorGoesOnToTheSameModel) {
  FederationFiles federation(kSites);
  log_all_of_clients(federation);
  start(federation);
  const std::string job = federation.submit(write_job(federation, 8, "steps: 1500"));
  for (std::size_t round = 2; round <= 4; ++round) {
    ASSERT_TRUE(federation.wait_for("round.committed", {}, round)) << federation.logs();
    ASSERT_TRUE(federation.kill_coordinator());
    federation.start_coordinator();
  }
  ASSERT_TRUE(federation.wait_for_end()) << federation.logs();
  EXPECT_EQ(federation.final_model(job), model_of(false));
}

}  // namespace
}  // namespace tributary
