// SPDX-License-Identifier: Apache-2.0
// `tributaryctl watch` as a process: it outlives the coordinator, says how a job has ended, and
// ends when it is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::HasSubstr;

class WatchTest : public testing::Test {
 protected:
  void SetUp() override { federation_.start_coordinator(); }
  std::unique_ptr<Process> watch(const std::string& job) {
    return std::make_unique<Process>(
        std::vector<std::string>{FederationFiles::program("tributaryctl"), "watch", job, "--config",
                                 federation_.path("tributaryctl.yaml")},
        federation_.path("watch.txt"));
  }
  std::string said() { return FederationFiles::read(federation_.path("watch.txt")); }
  bool wait_until_said(const std::string& text) {
    return wait_until([&] { return said().find(text) != std::string::npos; },
                      std::chrono::seconds(30));
  }

  FederationFiles federation_{1};
};

TEST_F(WatchTest, OutlivesACoordinatorThatIsKilledAndTellsHowAJobHasEnded) {
  const std::string job =
      federation_.submit(federation_.write_job("{}", "{count: 2, minimum_sites: 1}"));
  const auto watched = watch(job);
  ASSERT_TRUE(wait_until_said("round 0/2")) << said();
  federation_.kill_coordinator();
  ASSERT_TRUE(wait_until_said("the coordinator is gone")) << said();
  federation_.start_coordinator();
  federation_.start_client(1);
  EXPECT_EQ(watched->wait(), 0);
  const std::string once = said();
  EXPECT_EQ(once.find("is gone"), once.rfind("is gone")) << "said once";
  EXPECT_THAT(once, HasSubstr("finished")) << federation_.logs();

  std::string output;
  EXPECT_EQ(federation_.ctl({"watch", job}, &output), 0);
  EXPECT_THAT(output, HasSubstr("job " + job + " finished: round 2/2 best_round="));
}

TEST_F(WatchTest, EndsWhenItIsInterruptedAndWhenTheJobIsAborted) {
  const std::string job =
      federation_.submit(federation_.write_job("{}", "{count: 1, minimum_sites: 1}"));
  auto watched = watch(job);
  ASSERT_TRUE(wait_until_said("round 0/1")) << said();
  EXPECT_EQ(watched->end(SIGINT), 130);

  ::unlink(federation_.path("watch.txt").c_str());
  watched = watch(job);
  ASSERT_TRUE(wait_until_said("round 0/1")) << said();
  EXPECT_EQ(federation_.ctl({"job", "abort", job, "--why", "no longer wanted"}), 0);
  EXPECT_EQ(watched->wait(), 1);
  EXPECT_THAT(said(), HasSubstr("no longer wanted (operator operator)\""))
      << "values with blanks are quoted";

  ::unlink(federation_.path("watch.txt").c_str());
  const std::string next = federation_.submit(federation_.path("job.yaml"));
  watched = watch(next);
  ASSERT_TRUE(wait_until_said("round 0/1")) << said();
  federation_.kill_coordinator();
  ASSERT_TRUE(wait_until_said("is gone")) << said();
  EXPECT_EQ(watched->end(SIGINT), 130) << "also while there is no coordinator";
}

}  // namespace
}  // namespace tributary
