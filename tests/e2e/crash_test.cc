// SPDX-License-Identifier: Apache-2.0
// kill -9 of either side at any time: rounds close on their quorum, finished work stays, the result
// is what it would have been.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

// Seconds, so that a kill right after the task was accepted is in the middle of the training on any
// machine.
constexpr const char* kLong =
    "{steps: 40000, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";

TEST(Crash, ARoundClosesOnItsQuorumWhenAClientIsKilled) {
  FederationFiles federation(4);
  federation.start_coordinator();
  for (int site = 1; site <= 4; ++site) federation.start_client(site);
  ASSERT_TRUE(federation.wait_for("site.connected", {}, 4)) << federation.logs();
  const std::string job = federation.submit(federation.write_job(
      kLong, "{count: 2, minimum_sites: 3, quorum: 3, deadline: 60s, disconnect_grace: 500ms}"));
  ASSERT_TRUE(federation.wait_for("task.accepted", {{"task", "train"}, {"site", "hospital-2"}}));
  federation.kill_client(2);
  ASSERT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  EXPECT_GE(federation
                .events("client.outcome",
                        {{"site", "hospital-2"}, {"task", "train"}, {"reason", "disconnected"}})
                .size(),
            1u)
      << federation.logs();
  EXPECT_EQ(federation.events("round.committed").size(), 2u);
  EXPECT_FALSE(federation.final_model(job).empty());
}

// Long enough for a kill in its middle, and short enough for a machine that is busy otherwise.
constexpr const char* kShort =
    "{steps: 5000, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";
// Sites and coordinator keep something of each round for the next one.
constexpr const char* kWithState =
    "{steps: 5000, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}, "
    "algorithm: scaffold}";

std::string run_with_crashes(const char* train, bool crashes, std::string* logs) {
  FederationFiles federation(3);
  federation.start_coordinator();
  for (int site = 1; site <= 3; ++site) federation.start_client(site);
  EXPECT_TRUE(federation.wait_for("site.connected", {}, 3));
  const std::string job =
      federation.submit(federation.write_job(train, "{count: 4, minimum_sites: 3, deadline: 60s}"));
  const auto crash_after = [&](const std::string& event,
                               const std::map<std::string, std::string>& fields) {
    if (!crashes) return;
    EXPECT_TRUE(federation.wait_for(event, fields)) << federation.logs();
    federation.kill_coordinator();
    federation.start_coordinator();
  };
  crash_after("task.accepted", {{"task", "train"}, {"round", "1"}});  // nothing is in yet
  crash_after("client.outcome",
              {{"task", "train"}, {"round", "2"}, {"reason", "accepted"}});  // one update is in
  if (crashes) {
    EXPECT_TRUE(federation.wait_for("task.accepted", {{"task", "train"}, {"round", "3"}}));
    federation.kill_client(1);
    federation.start_client(1);
  }
  crash_after("round.committed", {{"round", "3"}});  // between rounds
  EXPECT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  if (crashes) {
    // A site's update that was accepted once is never trained again.
    for (const auto& outcome :
         federation.events("client.outcome", {{"task", "train"}, {"reason", "accepted"}})) {
      const std::string round = outcome["round"].dump();
      EXPECT_EQ(federation
                    .events("client.outcome", {{"task", "train"},
                                               {"reason", "accepted"},
                                               {"round", round},
                                               {"site", outcome["site"].get<std::string>()}})
                    .size(),
                1u);
    }
  }
  *logs = federation.logs();
  return federation.final_model(job);
}

TEST(Crash, AKilledCoordinatorGoesOnAndComesToTheSameModel) {
  for (const char* train : {kShort, kWithState}) {
    SCOPED_TRACE(train);
    std::string logs;
    const std::string calm = run_with_crashes(train, false, &logs);
    ASSERT_FALSE(calm.empty()) << logs;
    EXPECT_EQ(run_with_crashes(train, true, &logs), calm) << logs;
  }
}

// Updates that lie in memory only are gone with the coordinator; their sites still have them.
std::string run_in_memory(bool crash, std::string* logs) {
  FederationFiles federation(3);
  federation.configure_coordinator("staging_memory: 64MiB\n");
  federation.start_coordinator();
  for (int site = 1; site <= 3; ++site) federation.start_client(site);
  EXPECT_TRUE(federation.wait_for("site.connected", {}, 3));
  const std::string job = federation.submit(
      federation.write_job(kShort, "{count: 3, minimum_sites: 3, deadline: 60s}"));
  if (crash) {
    EXPECT_TRUE(federation.wait_for("task.accepted",
                                    {{"task", "train"}, {"round", "2"}, {"site", "hospital-3"}}));
    federation.signal_client(3, SIGSTOP);  // or the round may be committed before the kill
    EXPECT_TRUE(federation.wait_for("client.outcome",
                                    {{"task", "train"}, {"round", "2"}, {"reason", "accepted"}}));
    federation.kill_coordinator();
    federation.start_coordinator();
    federation.signal_client(3, SIGCONT);
  }
  EXPECT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  const auto lost = federation.events("update.lost", {{"round", "2"}});
  EXPECT_EQ(lost.empty(), !crash);
  for (const auto& one : lost) {
    const std::string site = one["site"].get<std::string>();
    EXPECT_EQ(
        federation.events("client.outcome", {{"site", site}, {"task", "train"}, {"round", "2"}})
            .size(),
        2u)
        << "it sends its update again";
    const int index = std::stoi(site.substr(site.rfind('-') + 1));
    EXPECT_EQ(federation.client_events(index, "training.started", {{"round", "2"}}).size(), 1u)
        << "and has not trained it again";
  }
  *logs = federation.logs();
  return federation.final_model(job);
}

TEST(Crash, UpdatesThatOnlyLayInMemoryAreSentAgainAndNotTrainedAgain) {
  std::string logs;
  const std::string calm = run_in_memory(false, &logs);
  ASSERT_FALSE(calm.empty()) << logs;
  EXPECT_EQ(run_in_memory(true, &logs), calm) << logs;
}

// The digest that was committed stands in the state store; a disk may lose a bit.
TEST(Crash, AModelThatIsNotWhatWasCommittedIsNeitherTrainedOnNorServed) {
  FederationFiles federation(1);
  federation.start_coordinator();
  federation.start_client(1);
  const std::string job = federation.submit(
      federation.write_job(kShort, "{count: 1000, minimum_sites: 1, deadline: 60s}"));
  ASSERT_TRUE(federation.wait_for("round.committed", {{"round", "3"}})) << federation.logs();
  ASSERT_TRUE(federation.kill_coordinator());
  std::string newest;
  for (const auto& entry :
       std::filesystem::directory_iterator(federation.path("coordinator/models/" + job))) {
    const std::string path = entry.path().string();
    if (path.ends_with(".safetensors") && path > newest) newest = path;
  }
  std::string bytes = FederationFiles::read(newest);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  FederationFiles::write(newest, bytes);
  federation.start_coordinator();
  ASSERT_TRUE(federation.wait_for("job.failed")) << federation.logs();
  EXPECT_THAT(federation.logs(), testing::HasSubstr("is not what was committed"));
  std::string said;
  EXPECT_EQ(federation.ctl({"model", "get", job, "--out", federation.path("m")}, &said), 1);
  EXPECT_THAT(said, testing::HasSubstr("is not what was committed"));
  EXPECT_EQ(
      federation.ctl({"model", "get", job, "--round", "1", "--out", federation.path("m")}, &said),
      0)
      << said;
}

}  // namespace
}  // namespace tributary
