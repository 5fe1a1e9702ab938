// SPDX-License-Identifier: Apache-2.0
// What operators do to jobs, with real processes: dry run, pause, change, clone; and evaluators:
// one that judges, one that a job's rule trusts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/e2e/federation_files.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kTrain =
    "{steps: 500, batch_size: 8, optimizer: {name: sgd, learning_rate: 0.01}}";

void start(FederationFiles& federation, int sites) {
  federation.start_coordinator();
  for (int site = 1; site <= sites; ++site) federation.start_client(site);
  ASSERT_TRUE(federation.wait_for("site.connected", {}, static_cast<std::size_t>(sites)))
      << federation.logs();
}

TEST(Control, ADryRunTellsWhichSiteCouldAndTrainsNothing) {
  FederationFiles federation(3);
  // The third has its file under another name.
  federation.start_coordinator();
  federation.write_client("hospital-3", "other", "pki");
  std::string text = FederationFiles::read(federation.path("other.yaml"));
  text.replace(text.find("patients"), 8, "visitors");
  FederationFiles::write(federation.path("other.yaml"), text);
  Process other(
      {FederationFiles::program("tributary-client"), "--config", federation.path("other.yaml")},
      federation.path("other.txt"));
  federation.start_client(1);
  federation.start_client(2);
  ASSERT_TRUE(federation.wait_for("site.connected", {}, 3)) << federation.logs();
  for (const int minimum : {2, 3}) {
    const std::string job = federation.write_job(
        kTrain, "{count: 3, deadline: 60s, minimum_sites: " + std::to_string(minimum) + "}");
    std::string output;
    EXPECT_EQ(federation.ctl({"job", "dry-run", job}, &output), minimum == 2 ? 0 : 1) << output;
    EXPECT_THAT(output, AllOf(HasSubstr("dataset_missing"), HasSubstr("dry run: "),
                              HasSubstr(minimum == 2 ? "finished, dry run" : "failed, dry run")));
  }
  EXPECT_TRUE(federation.events("client.selected", {{"task", "train"}}).empty());
  EXPECT_EQ(other.end(SIGTERM), 0);
}

TEST(Control, ADryRunTellsWhereTheSitesPolicyForbidsTheJob) {
  FederationFiles federation(2);
  federation.start_coordinator();
  federation.write_client("hospital-2", "strict", "pki");
  FederationFiles::write(
      federation.path("strict.yaml"),
      FederationFiles::read(federation.path("strict.yaml")) + "policy: strict-policy.yaml\n");
  FederationFiles::write(federation.path("strict-policy.yaml"),
                         "approval: automatic\nmodel_families: [cnn]\n");
  Process strict(
      {FederationFiles::program("tributary-client"), "--config", federation.path("strict.yaml")},
      federation.path("strict.txt"));
  federation.start_client(1);
  ASSERT_TRUE(federation.wait_for("site.connected", {}, 2)) << federation.logs();
  const std::string job =
      federation.write_job(kTrain, "{count: 2, deadline: 60s, minimum_sites: 1}");
  std::string output;
  EXPECT_EQ(federation.ctl({"job", "dry-run", job}, &output), 0) << output;
  EXPECT_THAT(output,
              AllOf(HasSubstr("1 of 2 sites could"), HasSubstr("hospital-2: policy_denied")));
  EXPECT_THAT(FederationFiles::read(federation.path("strict.txt")), HasSubstr("model_families"))
      << "the site's own log names the rule";
  // The same job for real: the site is out of it and not asked round after round.
  ASSERT_EQ(federation.ctl({"job", "submit", job, "--watch"}, &output), 0) << output;
  EXPECT_TRUE(
      federation.events("client.selected", {{"site", "hospital-2"}, {"task", "train"}}).empty());
  EXPECT_EQ(strict.end(SIGTERM), 0);
}

TEST(Control, AJobIsPausedChangedResumedAndCloned) {
  FederationFiles federation(2);
  start(federation, 2);
  const std::string job =
      federation.submit(federation.write_job(kTrain, "{count: 100, minimum_sites: 2}"));
  ASSERT_TRUE(federation.wait_for("round.committed", {{"round", "2"}})) << federation.logs();
  std::string output;
  ASSERT_EQ(federation.ctl({"job", "pause", job}, &output), 0) << output;
  ASSERT_TRUE(federation.wait_for("job.changed", {{"paused", "true"}}));
  ASSERT_EQ(federation.ctl({"job", "list"}, &output), 0);
  EXPECT_THAT(output, HasSubstr("paus"));
  federation.kill_coordinator();
  federation.start_coordinator();
  ASSERT_TRUE(federation.wait_for("site.connected", {}, 4)) << federation.logs();
  ASSERT_EQ(federation.ctl({"job", "change", job, "--rounds", "1"}, &output), 2)
      << "below what is committed";
  // How far it came before the pause is the machine's speed; the round that was open then may
  // follow.
  const std::string rounds =
      std::to_string(federation.events("round.committed", {{"job", job}}).size() + 4);
  ASSERT_EQ(federation.ctl(
                {"job", "change", job, "--rounds", rounds, "--deadline", "5m", "--priority", "3"},
                &output),
            0)
      << output;
  ASSERT_EQ(federation.ctl({"job", "show", job}, &output), 0);
  EXPECT_THAT(output, HasSubstr("deadline_ms 300000, priority 3, rounds " + rounds));
  EXPECT_FALSE(federation.job_over()) << "it rests";
  ASSERT_EQ(federation.ctl({"job", "resume", job}, &output), 0) << output;
  ASSERT_TRUE(federation.wait_for("job.finished", {{"rounds", rounds}})) << federation.logs();

  ASSERT_EQ(federation.ctl({"job", "clone", job, "--token", "again"}, &output), 0) << output;
  const std::string clone = output.substr(0, output.find('\n'));
  EXPECT_NE(clone, job);
  ASSERT_TRUE(federation.wait_for("round.committed", {{"job", clone}, {"round", "1"}}));
  EXPECT_EQ(federation.events("round.committed", {{"job", clone}, {"round", "1"}}).front()["model"],
            federation.events("round.committed", {{"job", job}, {"round", "1"}}).front()["model"])
      << "the same file on the same data";
  ASSERT_EQ(federation.ctl({"job", "abort", clone}, &output), 0) << output;
}

TEST(Control, AnEvaluatorJudgesEveryRoundAndTrainsNone) {
  FederationFiles federation(3);
  federation.issue("pki", "evaluator", "judge", 30);
  std::filesystem::copy(federation.path("data/hospital-3.csv"), federation.path("data/judge.csv"));
  start(federation, 2);
  federation.write_client("judge", "judge", "pki");
  Process judge(
      {FederationFiles::program("tributary-client"), "--config", federation.path("judge.yaml")},
      federation.path("judge.txt"));
  ASSERT_TRUE(federation.wait_for("site.connected", {{"site", "judge"}})) << federation.logs();
  const std::string file = federation.write_job(kTrain, "{count: 3, minimum_sites: 2}");
  FederationFiles::write(
      file, FederationFiles::read(file) + "evaluate: {by: evaluators, best_by: auc}\n");
  federation.submit(file);
  ASSERT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  EXPECT_EQ(federation.events("site.evaluated").size(), 3u);
  EXPECT_EQ(federation.events("site.evaluated", {{"site", "judge"}}).size(), 3u);
  EXPECT_TRUE(federation.events("client.selected", {{"site", "judge"}, {"task", "train"}}).empty());
  const auto rows = FederationFiles::read(federation.path("data/judge.csv"));
  EXPECT_EQ(federation.events("site.evaluated").front()["examples"],
            std::ranges::count(rows, '\n') - 1)
      << "all rows but the header";
  EXPECT_EQ(judge.end(SIGTERM), 0);
}

TEST(Control, ARootIsWaitedForAndTrainsBesideTheSitesOfEveryRound) {
  FederationFiles federation(3);
  federation.issue("pki", "evaluator", "lab", 30);
  std::filesystem::copy(federation.path("data/hospital-3.csv"), federation.path("data/lab.csv"));
  start(federation, 2);
  federation.write_client("lab", "lab", "pki");
  const std::string lab_file = federation.path("lab.yaml");
  FederationFiles::write(lab_file, FederationFiles::read(lab_file) + "policy: lab-policy.yaml\n");
  FederationFiles::write(federation.path("lab-policy.yaml"),
                         "approval: automatic\ntrains_as_root: true\n");
  const std::string file = federation.write_job(kTrain, "{count: 2, minimum_sites: 2}");
  FederationFiles::write(
      file, FederationFiles::read(file) + "aggregate: {rule: {name: fltrust, root: lab}}\n");
  const std::string job = federation.submit(file);
  ASSERT_TRUE(federation.wait_for("job.waiting", {{"by", "root"}, {"missing", "lab"}}))
      << federation.logs();
  Process lab(
      {FederationFiles::program("tributary-client"), "--config", federation.path("lab.yaml")},
      federation.path("lab.txt"));
  ASSERT_TRUE(federation.wait_for("job.finished")) << federation.logs();
  const auto trained = federation.events("client.outcome", {{"site", "lab"}, {"task", "train"}});
  ASSERT_EQ(trained.size(), 2u);
  const auto rows = FederationFiles::read(federation.path("data/lab.csv"));
  EXPECT_EQ(trained.front()["reason"], "accepted");
  EXPECT_EQ(trained.front()["examples"], std::ranges::count(rows, '\n') - 1)
      << "all rows but the header";
  EXPECT_TRUE(federation.events("site.evaluated", {{"site", "lab"}}).empty());
  EXPECT_EQ(federation.events("round.committed", {{"job", job}}).size(), 2u);
  EXPECT_EQ(lab.end(SIGTERM), 0);
}

}  // namespace
}  // namespace tributary
