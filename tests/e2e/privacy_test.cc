// SPDX-License-Identifier: Apache-2.0
// Privacy of records with real processes: a job trains until its budget is spent, the account
// outlives processes and jobs, and whoever looks finds the figures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class PrivacyE2e : public testing::Test {
 protected:
  void start() {
    FederationFiles::write(federation_.path("policy.yaml"), "approval: automatic\n");
    federation_.start_coordinator();
    for (const int site : {1, 2}) federation_.start_client(site);
    ASSERT_TRUE(federation_.wait_for("site.connected", {}, 2)) << federation_.logs();
  }
  std::string submit(int rounds, const std::string& records) {
    const std::string file = federation_.path("private.yaml");
    FederationFiles::write(
        file,
        "name: private\nmodel: logistic\ndata:\n  dataset: patients\n"
        "  features: [{name: age, mean: 60, deviation: 20}]\n  label: readmitted\n"
        "  standardize: constants\n"
        "train: {optimizer: {name: sgd, learning_rate: 0.1}, batch_size: 16, steps: 10}\n"
        "rounds: {count: " +
            std::to_string(rounds) + ", minimum_sites: 1, deadline: 60s}\nprivacy: {records: {" +
            records + "}}\n");
    return federation_.submit(file);
  }
  std::string client(const std::vector<std::string>& command) {
    std::vector<std::string> arguments = {FederationFiles::program("tributary-client"), "--config",
                                          federation_.path("hospital-1.yaml")};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const std::string log = federation_.path("client.txt");
    ::unlink(log.c_str());
    EXPECT_EQ(run_process(arguments, log), 0) << FederationFiles::read(log);
    return FederationFiles::read(log);
  }

  FederationFiles federation_{2};
};

TEST_F(PrivacyE2e, AJobStopsWhenItsBudgetIsSpentAndSaysSo) {
  start();
  const std::string job = submit(400, "clip: 1, noise_multiplier: 2, delta: 1e-5, max_epsilon: 4");
  ASSERT_TRUE(federation_.wait_for("job.failed", {{"job", job}})) << federation_.logs();
  const Json failed = federation_.events("job.failed").back();
  EXPECT_THAT(failed["detail"].get<std::string>(),
              AllOf(HasSubstr("budget_spent"), HasSubstr("privacy.records.max_epsilon is 4")));
  EXPECT_GE(failed["rounds"].get<int>(), 1);
  double last = 0;
  for (const Json& event : federation_.events("client.outcome", {{"task", "train"}})) {
    if (event["reason"] != "accepted") continue;
    EXPECT_GT(event["epsilon"].get<double>(), 0);
    EXPECT_LE(event["epsilon"].get<double>(), 4);
    EXPECT_FALSE(event.contains("loss")) << "nothing of the rows without noise";
    if (event["site"] == "hospital-1") last = event["epsilon"].get<double>();
  }
  const std::vector<Json> spent = federation_.client_events(1, "privacy.spent");
  ASSERT_FALSE(spent.empty());
  EXPECT_EQ(spent.back()["epsilon"].get<double>(), last);
  EXPECT_EQ(spent.back()["adjacency"], "add_or_remove_one");
  EXPECT_EQ(spent.back()["sampling"], "poisson");
  const std::string shown = client({"jobs", "inspect", job});
  EXPECT_THAT(shown, AllOf(HasSubstr("unit record, adjacency add_or_remove_one"),
                           HasSubstr("sampling poisson"), HasSubstr("all 400 rounds: epsilon"),
                           HasSubstr("at delta 1e-05"), HasSubstr("ledger: the job")));
  EXPECT_THAT(shown, Not(HasSubstr("age: count"))) << "no mean of the rows leaves";
  EXPECT_THAT(client({"privacy"}), AllOf(HasSubstr("patients  spent epsilon"), HasSubstr(job)));
}

TEST_F(PrivacyE2e, TheAccountOfADatasetOutlivesProcessesAndJobs) {
  start();
  const std::string records = "clip: 1, noise_multiplier: 1, delta: 1e-5, max_epsilon: 50";
  const std::string first = submit(2, records);
  ASSERT_TRUE(federation_.wait_for("job.finished", {{"job", first}})) << federation_.logs();
  const double spent =
      federation_.client_events(1, "privacy.spent").back()["dataset_epsilon"].get<double>();
  federation_.kill_client(1);
  // From here on hardly more than what was spent already.
  FederationFiles::write(
      federation_.path("policy.yaml"),
      "approval: automatic\nprivacy: {max_epsilon_total: " + std::to_string(spent + 0.01) + "}\n");
  federation_.start_client(1);
  const std::string second = submit(2, records);
  ASSERT_TRUE(federation_.wait_for("job.failed", {{"job", second}})) << federation_.logs();
  EXPECT_FALSE(federation_
                   .events("client.outcome",
                           {{"job", second}, {"site", "hospital-1"}, {"reason", "budget_spent"}})
                   .empty());
  const std::string told = federation_.events("job.failed").back()["detail"].get<std::string>();
  EXPECT_THAT(told, Not(HasSubstr("max_epsilon_total"))) << "the policy is the site's own business";
  const Json failed = federation_.client_events(1, "task.failed").back();
  EXPECT_THAT(failed["detail"].get<std::string>(),
              HasSubstr("policy.privacy.max_epsilon_total is "));
  EXPECT_THAT(client({"privacy"}), AllOf(HasSubstr(first), Not(HasSubstr(second))));
}

TEST_F(PrivacyE2e, WhereItIsRequiredAJobWithoutItDoesNotRun) {
  start();
  FederationFiles::write(federation_.path("policy.yaml"),
                         "approval: automatic\ndifferential_privacy: required\n");
  const std::string plain = federation_.submit(federation_.write_job(
      "{epochs: 1, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}",
      "{count: 1, deadline: 60s}"));
  ASSERT_TRUE(federation_.wait_for("job.failed", {{"job", plain}})) << federation_.logs();
  EXPECT_FALSE(
      federation_.events("client.outcome", {{"job", plain}, {"reason", "policy_denied"}}).empty());
  const std::string job = submit(1, "clip: 1, noise_multiplier: 1, delta: 1e-5, max_epsilon: 50");
  ASSERT_TRUE(federation_.wait_for("job.finished", {{"job", job}})) << federation_.logs();
}

}  // namespace
}  // namespace tributary
