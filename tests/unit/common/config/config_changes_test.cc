// SPDX-License-Identifier: Apache-2.0
#include "common/config/config_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kTls = "tls: {certificate: c.pem, key: k.pem, ca: ca.pem}\nstate_dir: s\n";
constexpr const char* kSite = "coordinator: hub:8443\n";
constexpr const char* kPatients = "datasets: {patients: {loader: csv, path: a.csv}}\n";

Result<CoordinatorConfig> coordinator(const std::string& more) {
  return parse_coordinator_config(kTls + more, "coordinator.yaml");
}

Result<ClientConfig> client(const std::string& more, const std::string& datasets = kPatients) {
  return parse_client_config(std::string(kTls) + kSite + datasets + more, "client.yaml");
}

TEST(ConfigChanges, TheSameFileChangesNothing) {
  const std::string text = "sites: [a]\noidc: {issuer: https://i, audience: t, jwks: j}\n";
  CoordinatorConfig running = *coordinator(text);
  const ConfigChanges changes = take_over(running, *coordinator(text));
  EXPECT_THAT(changes.taken, IsEmpty());
  EXPECT_THAT(changes.needs_restart, IsEmpty());
}

TEST(ConfigChanges, ACoordinatorTakesItsSitesBoundsAndLevelAndNamesTheRest) {
  CoordinatorConfig running = *coordinator("sites: [a, b]\n");
  const auto fresh = coordinator(
      "sites: [b]\nadmission: {rate: 5}\nlog: {level: debug, file: f}\nlisten: 127.0.0.1:1\n"
      "threads: 3\noidc: {issuer: https://i, audience: t, jwks: j}\n");
  ASSERT_TRUE(fresh) << fresh.error().message;
  for (int time = 1; time <= 2; ++time) {
    const ConfigChanges changes = take_over(running, *fresh);
    if (time == 1) {
      EXPECT_THAT(changes.taken, ElementsAre("sites", "admission", "log.level"));
    } else {
      EXPECT_THAT(changes.taken, IsEmpty()) << "they are in force";
    }
    EXPECT_THAT(changes.needs_restart, ElementsAre("log.file", "listen", "oidc", "threads"))
        << "until there was one";
  }
  EXPECT_THAT(running.sites, ElementsAre("b"));
  EXPECT_EQ(running.admission.rate, 5);
  EXPECT_EQ(running.log.level, EventLevel::kDebug);
  EXPECT_EQ(running.log.file, "");
  EXPECT_EQ(running.threads, 0);
}

TEST(ConfigChanges, AClientTakesItsDatasetsPaceOfCheckpointsAndLevelAndNamesTheRest) {
  ClientConfig running = *client("");
  const auto fresh =
      client("checkpoint_every: 5s\nlog: {level: warn}\npolicy: other.yaml\ndevice: cpu\n",
             "datasets: {patients: {loader: csv, path: b.csv}, wards: {loader: csv, path: c}}\n");
  ASSERT_TRUE(fresh) << fresh.error().message;
  const ConfigChanges changes = take_over(running, *fresh);
  EXPECT_THAT(changes.taken, ElementsAre("datasets", "checkpoint_every", "log.level"));
  EXPECT_THAT(changes.needs_restart, ElementsAre("policy", "device"));
  EXPECT_THAT(dataset_names(running), ElementsAre("patients", "wards"));
  EXPECT_EQ(running.checkpoint_every_ms, 5'000);
}

TEST(ConfigChanges, AFileWithAFaultLeavesAllAsItWasAndTheLogSaysWhy) {
  const ManualClock clock;
  const auto log = EventLog::open({.text_fd = -1}, clock);
  ASSERT_TRUE(log);
  std::vector<std::string> told;
  (*log)->subscribe([&](const LoggedEvent& event, const std::string& json) {
    told.push_back(event.name + json);
  });
  ClientConfig running = *client("");
  const auto reload = [&](const std::string& more) {
    return reload_config<ClientConfig>(
        running, [&] { return client(more); }, **log);
  };
  EXPECT_FALSE(reload("checkpoint_evry: 5s\n"));
  EXPECT_EQ(running.checkpoint_every_ms, 60'000);
  EXPECT_TRUE(reload("checkpoint_every: 5s\nthreads: 2\n"));
  EXPECT_FALSE(reload("checkpoint_every: 5s\nthreads: 2\n"));
  ASSERT_EQ(told.size(), 3u);
  EXPECT_THAT(told[0], testing::AllOf(testing::StartsWith("config.kept"),
                                      testing::HasSubstr("checkpoint_every")));
  EXPECT_THAT(told[1], testing::AllOf(testing::HasSubstr(R"("changed":"checkpoint_every")"),
                                      testing::HasSubstr(R"("needs_restart":"threads")")));
  EXPECT_THAT(told[2], testing::HasSubstr(R"("changed":"")"));
}

}  // namespace
}  // namespace tributary
