// SPDX-License-Identifier: Apache-2.0
// Daemons that read their own file anew while they run, with real processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr const char* kTrain =
    "{steps: 20, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";
constexpr std::chrono::seconds kPatience{30};

class ConfigReload : public testing::Test {
 protected:
  void start() {
    federation_.start_coordinator();
    for (int site = 1; site <= 3; ++site) federation_.start_client(site);
    ASSERT_TRUE(federation_.wait_for("site.connected", {}, 3)) << federation_.logs();
  }
  // Of the file NAME.yaml: `from`, which stands there, is replaced.
  void edit(const std::string& name, const std::string& from, const std::string& to) {
    const std::string file = federation_.path(name + ".yaml");
    std::string text = FederationFiles::read(file);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << text;
    FederationFiles::write(file, text.replace(at, from.size(), to));
  }
  std::size_t told(int site, const std::string& event) {
    return federation_.client_events(site, event).size();
  }

  FederationFiles federation_{3};
};

TEST_F(ConfigReload, ASiteThatIsTakenOffTheListLeavesAtOnceAndTheJobGoesOn) {
  federation_.configure_coordinator("sites: [hospital-1, hospital-2, hospital-3]\n");
  start();
  federation_.submit(federation_.write_job(
      kTrain, "{count: 12, deadline: 30s, disconnect_grace: 5s, minimum_sites: 2, quorum: 2}"));
  ASSERT_TRUE(federation_.wait_for("round.committed", {{"round", "1"}})) << federation_.logs();
  // A fault first: the file as a whole is as if it were not there.
  const std::string file = federation_.path("coordinator.yaml");
  const std::string before = FederationFiles::read(file);
  FederationFiles::write(file, before + "sits: []\n");
  edit("coordinator", ", hospital-3]", "]");
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for("config.kept")) << federation_.logs();
  EXPECT_THAT(federation_.events("config.kept")[0]["detail"].get<std::string>(), HasSubstr("sits"));
  EXPECT_TRUE(federation_.events("site.disconnected").empty());
  FederationFiles::write(file, before + "threads: 1\nadmission: {rate: 100}\n");
  edit("coordinator", ", hospital-3]", "]");
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for(
      "config.reloaded", {{"changed", "sites,admission"}, {"needs_restart", "listen,threads"}}))
      << federation_.logs();  // listen: it began with any free port
  ASSERT_TRUE(federation_.wait_for("site.disconnected", {{"site", "hospital-3"}}));
  ASSERT_TRUE(
      wait_until([&] { return told(3, "link.goodbye") + told(3, "link.down") > 0; }, kPatience));
  ASSERT_TRUE(federation_.wait_for_end()) << federation_.logs();
  EXPECT_EQ(federation_.events("job.finished").size(), 1u) << federation_.logs();
  EXPECT_EQ(federation_.events("site.disconnected").size(), 1u) << "nobody else has noticed";
  // Back on the list it is let in.
  FederationFiles::write(file, before);
  federation_.signal_coordinator(SIGHUP);
  ASSERT_TRUE(federation_.wait_for("config.reloaded", {{"changed", "sites,admission"}}, 2));
  federation_.kill_client(3);  // it was told to stay away for a minute
  federation_.start_client(3);
  EXPECT_TRUE(federation_.wait_for("site.connected", {{"site", "hospital-3"}}, 2))
      << federation_.logs();
}

TEST_F(ConfigReload, ADatasetThatIsAddedAtARunningSiteServesTheNextJob) {
  start();
  for (int site = 1; site <= 2; ++site) {
    const std::string name = "hospital-" + std::to_string(site);
    const std::string before = FederationFiles::read(federation_.path(name + ".yaml"));
    FederationFiles::write(federation_.path(name + ".yaml"), "datasets: {war");
    federation_.signal_client(site, SIGHUP);
    ASSERT_TRUE(wait_until([&] { return told(site, "config.kept") == 1; }, kPatience));
    EXPECT_EQ(told(site, "link.down"), 0u);
    FederationFiles::write(federation_.path(name + ".yaml"), before + "threads: 2\n");
    edit(name, "datasets: {", "datasets: {wards: {loader: csv, path: data/" + name + ".csv}, ");
    federation_.signal_client(site, SIGHUP);
    ASSERT_TRUE(
        federation_.wait_for("site.connected", {{"site", name}, {"datasets", "patients,wards"}}))
        << federation_.logs();
    const auto reloaded = federation_.client_events(
        site, "config.reloaded", {{"changed", "datasets"}, {"needs_restart", "threads"}});
    EXPECT_EQ(reloaded.size(), 1u) << federation_.logs();
  }
  federation_.write_job(kTrain, "{count: 2, deadline: 30s, minimum_sites: 2}");
  edit("job", "dataset: patients", "dataset: wards");
  federation_.submit(federation_.path("job.yaml"));
  ASSERT_TRUE(federation_.wait_for_end()) << federation_.logs();
  EXPECT_EQ(federation_.events("job.finished").size(), 1u) << federation_.logs();
  EXPECT_EQ(federation_.events("round.committed", {{"accepted", "2"}}).size(), 2u);
  EXPECT_TRUE(federation_.events("client.selected", {{"site", "hospital-3"}}).empty());
}

}  // namespace
}  // namespace tributary
