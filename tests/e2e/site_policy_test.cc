// SPDX-License-Identifier: Apache-2.0
// What a site lets jobs do, with real processes: a person approves and denies, a policy refuses,
// and the coordinator learns no more than a code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kTrain =
    "{epochs: 1, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";

// hospital-2 has a policy of its own.
class SitePolicyE2e : public testing::Test {
 protected:
  void start(const std::string& policy) {
    FederationFiles::write(policy_file(), policy);
    federation_.start_coordinator();
    federation_.write_client("hospital-2", "strict", "pki");
    const std::string file = federation_.path("strict.yaml");
    FederationFiles::write(file, FederationFiles::read(file) + "policy: own-policy.yaml\n");
    federation_.start_client(1);
    strict_.emplace(
        std::vector<std::string>{FederationFiles::program("tributary-client"), "--config", file},
        federation_.path("strict.txt"));
    ASSERT_TRUE(federation_.wait_for("site.connected", {}, 2)) << federation_.logs();
  }
  std::string policy_file() const { return federation_.path("own-policy.yaml"); }
  std::string submit(int minimum) {
    return federation_.submit(federation_.write_job(
        kTrain, "{count: 2, deadline: 60s, minimum_sites: " + std::to_string(minimum) + "}"));
  }
  std::string jobs(const std::vector<std::string>& command, int status = 0) {
    std::vector<std::string> arguments = {FederationFiles::program("tributary-client"), "--config",
                                          federation_.path("strict.yaml"), "jobs"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const std::string log = federation_.path("jobs.txt");
    ::unlink(log.c_str());
    EXPECT_EQ(run_process(arguments, log), status) << FederationFiles::read(log);
    return FederationFiles::read(log);
  }
  // What its audit log says of this event.
  std::vector<Json> audit(const std::string& event) const {
    std::string output;
    EXPECT_EQ(
        federation_.ctl({"audit", "show", federation_.path("state-strict"), "--json"}, &output), 0);
    std::vector<Json> found;
    std::istringstream in(output);
    for (std::string line; std::getline(in, line);) {
      if (Json record = Json::parse(line); record["event"] == event) found.push_back(record);
    }
    return found;
  }
  // The log of the site itself.
  std::string own_log() const { return FederationFiles::read(federation_.path("strict.txt")); }

  FederationFiles federation_{2};
  std::optional<Process> strict_;
};

TEST_F(SitePolicyE2e, AJobWaitsForThePersonWhoApprovesIt) {
  start("approval: manual\n");
  const std::string job = submit(2);
  ASSERT_TRUE(federation_.wait_for("job.waiting")) << federation_.logs();
  EXPECT_THAT(jobs({"pending"}), AllOf(HasSubstr(job), HasSubstr("submitted by operator")));
  const std::string shown = jobs({"inspect", job});
  EXPECT_THAT(shown, AllOf(HasSubstr("model      mlp"), HasSubstr("1 passes over the rows"),
                           HasSubstr("age: count"), HasSubstr("weight [8, "),
                           HasSubstr("upload     about "), HasSubstr("rows by score")));
  EXPECT_THAT(jobs({"inspect", "other"}, 1), HasSubstr("jobs pending"));
  EXPECT_TRUE(federation_.events("client.selected", {{"task", "train"}}).empty());
  jobs({"approve", job});
  ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
  EXPECT_EQ(federation_.events("round.committed", {{"job", job}, {"accepted", "2"}}).size(), 2u);
  EXPECT_THAT(jobs({"pending"}), HasSubstr("no job waits"));
  EXPECT_THAT(jobs({"inspect", job}), HasSubstr("decision   approved"));
  const std::vector<Json> records = audit("job.approved");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["job"], job);
  EXPECT_NE(records[0]["who"], "");
}

TEST_F(SitePolicyE2e, ADeniedJobRunsWithoutTheSite) {
  start("approval: manual\n");
  const std::string job = submit(2);
  ASSERT_TRUE(federation_.wait_for("job.waiting")) << federation_.logs();
  jobs({"deny", job});
  ASSERT_TRUE(federation_.wait_for("job.failed")) << federation_.logs();
  EXPECT_FALSE(
      federation_.events("client.outcome", {{"site", "hospital-2"}, {"reason", "policy_denied"}})
          .empty());
  const std::string other = submit(1);
  ASSERT_TRUE(federation_.wait_for("job.finished", {{"job", other}})) << federation_.logs();
}

TEST_F(SitePolicyE2e, TheCoordinatorLearnsACodeAndNothingOfThePolicy) {
  start("approval: automatic\nlimits: {min_records: 4711}\nsubmitters: [operator, zebulon]\n");
  submit(1);
  ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
  EXPECT_FALSE(
      federation_.events("client.outcome", {{"site", "hospital-2"}, {"reason", "policy_denied"}})
          .empty());
  const std::string coordinator = FederationFiles::read(federation_.path("coordinator.jsonl")) +
                                  FederationFiles::read(federation_.path("coordinator.txt"));
  EXPECT_THAT(own_log(), HasSubstr("min_records is 4711"));
  for (const std::string secret : {"4711", "min_records", "zebulon", "submitters"})
    EXPECT_THAT(coordinator, Not(HasSubstr(secret)));
  // The policy is read anew: nothing has to be started again.
  FederationFiles::write(policy_file(), "approval: automatic\n");
  const std::string job = submit(2);
  ASSERT_TRUE(federation_.wait_for("job.finished", {{"job", job}})) << federation_.logs();
}

TEST_F(SitePolicyE2e, WithoutAPolicyOrWithADamagedOneNothingRuns) {
  start("approval: automatic\n");
  for (const bool damaged : {false, true}) {
    ::unlink(policy_file().c_str());
    if (damaged) FederationFiles::write(policy_file(), "approval: automatic\nsubmiters: [a]\n");
    const std::string job = submit(2);
    ASSERT_TRUE(federation_.wait_for("round.postponed", {{"job", job}})) << federation_.logs();
    EXPECT_FALSE(federation_
                     .events("client.outcome",
                             {{"job", job}, {"site", "hospital-2"}, {"reason", "policy_pending"}})
                     .empty());
    EXPECT_TRUE(federation_.events("round.committed", {{"job", job}}).empty());
    // The job waits for whoever mends it.
    if (damaged) continue;
    FederationFiles::write(policy_file(), "approval: automatic\n");
    EXPECT_TRUE(federation_.wait_for("job.finished", {{"job", job}}));
  }
  EXPECT_THAT(own_log(), AllOf(HasSubstr("policy.unreadable"), HasSubstr("submitters")));
  EXPECT_EQ(strict_->end(SIGTERM), 0);
  Process again(
      {FederationFiles::program("tributary-client"), "--config", federation_.path("strict.yaml")},
      federation_.path("again.txt"));
  EXPECT_EQ(again.wait(), 2) << "a fault in the policy refuses to start";
}

TEST_F(SitePolicyE2e, WithADamagedPolicyNobodyIsTheSitesCoordinator) {
  start("approval: automatic\ncoordinators: [coordinator]\n");
  ASSERT_TRUE(federation_.kill_coordinator());
  FederationFiles::write(policy_file(), "approval: automatic\ncoordinators: [coordina");
  federation_.start_coordinator();
  ASSERT_TRUE(federation_.wait_for("site.connected", {{"site", "hospital-1"}}, 2));
  ASSERT_TRUE(wait_until([&] { return own_log().find("policy.unreadable") != std::string::npos; },
                         std::chrono::seconds(30)));
  EXPECT_EQ(federation_.events("site.connected", {{"site", "hospital-2"}}).size(), 1u);
  FederationFiles::write(policy_file(), "approval: automatic\ncoordinators: [coordinator]\n");
  EXPECT_TRUE(federation_.wait_for("site.connected", {{"site", "hospital-2"}}, 2))
      << "by itself" << federation_.logs();
}

TEST_F(SitePolicyE2e, AQuorumThatIsLoweredLaterIsHeldAgainstThePolicyToo) {
  start("approval: automatic\nlimits: {min_sites: 2}\n");
  const std::string job = federation_.submit(federation_.write_job(
      kTrain, "{count: 1000, deadline: 60s, minimum_sites: 1, quorum: 2, attempts: 20}"));
  ASSERT_TRUE(federation_.wait_for("round.committed", {{"round", "1"}})) << federation_.logs();
  std::string output;
  ASSERT_EQ(federation_.ctl({"job", "change", job, "--quorum", "1"}, &output), 0) << output;
  EXPECT_TRUE(
      federation_.wait_for("client.outcome", {{"site", "hospital-2"}, {"reason", "policy_denied"}}))
      << federation_.logs();
  EXPECT_THAT(own_log(), HasSubstr("min_sites is 2, with this job it is 1"));
  // No model was made of this site's update alone, nor of it and fewer than it was told.
  for (const Json& round : federation_.events("round.committed", {{"accepted", "1"}})) {
    const std::map<std::string, std::string> of_round = {{"site", "hospital-2"},
                                                         {"reason", "accepted"},
                                                         {"task", "train"},
                                                         {"round", round["round"].dump()}};
    EXPECT_TRUE(federation_.events("client.outcome", of_round).empty()) << round;
  }
  EXPECT_EQ(federation_.ctl({"job", "abort", job}, &output), 0) << output;
}

TEST_F(SitePolicyE2e, ResultsLeaveNoFasterThanThePolicySays) {
  start("approval: automatic\nbandwidth:\n  - {hours: [\"00:00-24:00\"], upload: 8KiB/s}\n");
  federation_.submit(
      federation_.write_job(kTrain, "{count: 1, deadline: 120s, minimum_sites: 2}", "[64, 64]"));
  ASSERT_TRUE(federation_.wait_for("job.finished")) << federation_.logs();
  const auto outcomes = federation_.events(
      "client.outcome", {{"site", "hospital-2"}, {"reason", "accepted"}, {"task", "train"}});
  ASSERT_EQ(outcomes.size(), 1u) << federation_.logs();
  const auto rounds = federation_.events("round.committed");
  ASSERT_EQ(rounds.size(), 1u);
  const double bytes = outcomes[0]["bytes"], seconds = rounds[0]["seconds"];
  EXPECT_GT(bytes, 16'000);
  EXPECT_LT(bytes / seconds, 16'384) << "twice the rate, and far below what the line gives";
}

TEST_F(SitePolicyE2e, ASiteWorksForNoOtherCoordinatorThanItsOwn) {
  federation_.start_coordinator();
  federation_.write_client("hospital-2", "strict", "pki");
  const std::string file = federation_.path("strict.yaml");
  FederationFiles::write(file, FederationFiles::read(file) + "policy: own-policy.yaml\n");
  FederationFiles::write(policy_file(), "approval: automatic\ncoordinators: [another]\n");
  strict_.emplace(
      std::vector<std::string>{FederationFiles::program("tributary-client"), "--config", file},
      federation_.path("strict.txt"));
  ASSERT_TRUE(wait_until([&] { return own_log().find("coordinator.refused") != std::string::npos; },
                         std::chrono::seconds(30)));
  EXPECT_EQ(strict_->end(SIGTERM), 0);
}

}  // namespace
}  // namespace tributary
