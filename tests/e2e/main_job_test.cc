// SPDX-License-Identifier: Apache-2.0
// The main job with real processes: it finishes, and its result is the same bytes every time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;

std::string run_job(const std::vector<int>& start_order, std::string* logs) {
  FederationFiles federation(4);
  federation.start_coordinator();
  const std::string job = federation.submit(
      federation.write_job("{epochs: 2, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.1}}",
                           "{count: 3, minimum_sites: 4}"));
  for (const int site : start_order) {
    federation.start_client(site);
    // The next one arrives only after this one, so that the order of arrival is really the given
    // one.
    EXPECT_TRUE(
        federation.wait_for("site.connected", {{"site", "hospital-" + std::to_string(site)}}));
  }
  EXPECT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  const std::string model = federation.final_model(job);
  for (int site = 1; site <= 4; ++site) EXPECT_EQ(federation.stop_client(site), 0);
  EXPECT_EQ(federation.stop_coordinator(), 0) << "SIGTERM ends it in good order";
  EXPECT_TRUE(std::filesystem::is_empty(federation.path("coordinator/blobs")))
      << "what no job needs does not stay";
  *logs = federation.logs();
  return model;
}

TEST(MainJob, SameSeedSameBytesWhateverTheOrderOfArrival) {
  std::string logs;
  const std::string first = run_job({1, 2, 3, 4}, &logs);
  ASSERT_FALSE(first.empty()) << logs;
  EXPECT_THAT(logs, HasSubstr("round.committed"));
  EXPECT_THAT(logs, HasSubstr("coordinator.stopped"));
  EXPECT_EQ(run_job({1, 2, 3, 4}, &logs), first);
  EXPECT_EQ(run_job({4, 2, 1, 3}, &logs), first);
}

TEST(MainJob, AClientEndsWheneverItIsTold) {
  FederationFiles federation(1);
  federation.start_coordinator();
  for (int turn = 0; turn < 8; ++turn) {
    const std::size_t before = federation.events("site.connected").size();
    federation.start_client(1);
    ASSERT_TRUE(federation.wait_for("site.connected", {}, before + 1)) << federation.logs();
    ::poll(nullptr, 0, 13 * turn);  // at different points of its clock
    EXPECT_EQ(federation.stop_client(1), 0) << federation.logs();
  }
}

// Nothing but its silence tells of a peer that hangs, or of a connection that is half open.
TEST(MainJob, ASilentClientIsFoundByItsHeartbeatsAndComesBack) {
  FederationFiles federation(1);
  federation.start_coordinator();
  federation.start_client(1);
  ASSERT_TRUE(federation.wait_for("site.connected"));
  federation.signal_client(1, SIGSTOP);
  EXPECT_TRUE(federation.wait_for("site.disconnected", {{"code", "deadline_exceeded"}}));
  federation.signal_client(1, SIGCONT);
  EXPECT_TRUE(federation.wait_for("site.connected", {}, 2)) << federation.logs();
}

TEST(MainJob, ASecondProcessIsKeptOutOfAStateDirectory) {
  FederationFiles federation(1);
  federation.start_coordinator();
  federation.start_client(1);
  ASSERT_TRUE(federation.wait_for("site.connected"));
  FederationFiles::write(
      federation.path("second.yaml"),
      FederationFiles::read(federation.path("coordinator.yaml")) + "threads: 1\n");
  for (const auto& [program, file] : std::map<std::string, std::string>{
           {"tributary-coordinator", "second.yaml"}, {"tributary-client", "hospital-1.yaml"}}) {
    const std::string log = federation.path("second.txt");
    EXPECT_EQ(
        run_process({FederationFiles::program(program), "--config", federation.path(file)}, log),
        1);
    EXPECT_THAT(FederationFiles::read(log), HasSubstr("is in use by process"));
  }
  EXPECT_EQ(federation.stop_client(1), 0);
}

TEST(MainJob, OperatorsSeeAndAreToldWhatIsWrong) {
  FederationFiles federation(1);
  federation.start_coordinator();
  federation.start_client(1);
  ASSERT_TRUE(federation.wait_for("site.connected"));
  std::string output;
  EXPECT_EQ(federation.ctl({"status"}, &output), 0);
  EXPECT_THAT(output, HasSubstr("hospital-1"));
  EXPECT_EQ(federation.ctl({"job", "show", "nothing"}, &output), 1);
  EXPECT_THAT(output, HasSubstr("no job 'nothing'"));
  FederationFiles::write(federation.path("bad.yaml"), "name: x\nmodle: {family: mlp}\n");
  EXPECT_EQ(federation.ctl({"job", "submit", federation.path("bad.yaml")}, &output), 2);
  EXPECT_THAT(output, HasSubstr("bad.yaml:2"));
  EXPECT_THAT(output, HasSubstr("did you mean 'model'"));
  EXPECT_EQ(federation.ctl({"job", "submit", "/no/such/file"}, &output), 2);
  EXPECT_THAT(output, HasSubstr("/no/such/file"));
  EXPECT_EQ(federation.ctl({"jib"}, &output), 2);
  // A job that waits for sites says for whom, and ends when told.
  const std::string job =
      federation.submit(federation.write_job("{}", "{count: 1, minimum_sites: 2}"));
  EXPECT_TRUE(federation.wait_for("job.waiting", {{"job", job}})) << federation.logs();
  EXPECT_EQ(federation.ctl({"job", "abort", job}, &output), 0);
  EXPECT_TRUE(federation.wait_for("job.aborted", {{"job", job}}));
  federation.stop_coordinator();
  EXPECT_EQ(federation.ctl({"status"}, &output), 3);
  EXPECT_THAT(output, HasSubstr("Connection refused"));
}

}  // namespace
}  // namespace tributary
