// SPDX-License-Identifier: Apache-2.0
// Hostile sites in whole federations: the example of deploy/examples/attacks, and what the
// coordinator makes of an update that it can tell is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;

const std::string kBin = TRIBUTARY_BIN_DIR;

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The figures of the row of the table that starts with this job.
std::vector<double> row_of(const std::string& table, const std::string& job) {
  std::istringstream lines(table);
  std::vector<double> figures;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| " + job + " |")) continue;
    std::istringstream cells(line.substr(job.size() + 4));
    for (std::string cell; std::getline(cells, cell, '|');) {
      // "-": the job failed, and the table says why.
      if (!cell.empty()) figures.push_back(cell == " - " ? std::nan("") : std::stod(cell));
    }
  }
  return figures;
}

TEST(Attacks, TheExampleShowsWhichRuleHolds) {
  TemporaryDirectory directory;
  ASSERT_EQ(
      run_process({std::string(TRIBUTARY_SOURCE_DIR) + "/deploy/examples/attacks/run", "--patients",
                   "--bin", kBin, "--rule", "weighted_mean", "--rule", "trimmed_mean", "--attack",
                   "{name: sign_flip, scale: 20}", "--attack", "not_a_number"},
                  directory / "table"),
      0)
      << text_of(directory / "table");
  const std::string table = text_of(directory / "table");
  const std::vector<double> mean = row_of(table, "weighted_mean"),
                            trimmed = row_of(table, "trimmed_mean");
  ASSERT_EQ(mean.size(), 3u) << table;
  ASSERT_EQ(trimmed.size(), 3u) << table;
  EXPECT_GT(mean[0], 0.7) << "no attack\n" << table;
  EXPECT_LT(mean[1], mean[0] - 0.15) << "the mean gives in\n" << table;
  EXPECT_GT(trimmed[1], trimmed[0] - 0.05) << "the trimmed mean does not\n" << table;
  EXPECT_GT(mean[2], mean[0] - 0.05) << table;
  EXPECT_THAT(table, HasSubstr("not_a_number: the coordinator told its sites 60 not_finite"));
}

class HostileSites : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run_process({kBin + "/tributary-client", "data", "generate-hospital", "--sites", "4",
                           "--rows", "100", "--out", directory_ / "data"},
                          directory_ / "log"),
              0);
    for (int i = 1; i <= 4; ++i) {
      const std::string name = "hospital-" + std::to_string(i);
      std::ofstream(directory_ / (name + ".yaml"))
          << "datasets: {patients: {loader: csv, path: data/" << name << ".csv}}\n";
    }
  }
  // What `run` tells, with the last of four sites hostile.
  std::string run(const std::string& attack, const std::string& rounds, int expected = 0) {
    std::ofstream(directory_ / "job.yaml")
        << "name: patients\nmodel: logistic\ndata: {dataset: patients, features: [age, pressure, "
           "creatinine, stay], label: readmitted, missing: mean}\ntrain: {batch_size: 8}\nrounds: "
        << rounds << "\n";
    std::vector<std::string> command = {kBin + "/tributary-simulate",
                                        "run",
                                        "--job",
                                        directory_ / "job.yaml",
                                        "--attack",
                                        attack,
                                        "--out",
                                        directory_ / "out"};
    for (int i = 1; i <= 4; ++i) {
      command.push_back("--client");
      command.push_back(directory_ / ("hospital-" + std::to_string(i) + ".yaml"));
    }
    EXPECT_EQ(run_process(command, directory_ / "log"), expected) << text_of(directory_ / "log");
    return text_of(directory_ / "log");
  }

  TemporaryDirectory directory_;
};

TEST_F(HostileSites, EachUpdateThatIsNoneIsRefusedWithItsReason) {
  const std::string rounds = "{count: 3, minimum_sites: 4, quorum: 3}";
  EXPECT_THAT(run("{name: not_a_number, value: infinity}", rounds),
              testing::ContainsRegex("hospital-4 +3  not_finite: tensor"));
  EXPECT_THAT(run("{name: gaussian_noise, deviation: 1000000}", rounds),
              testing::ContainsRegex("hospital-4 +3  out_of_bounds: tensor"));
}

TEST_F(HostileSites, AnAnswerToAnEarlierTaskIsStaleAndCostsNoRound) {
  const std::string told = run("{name: stale_replay, task: first}",
                               "{count: 3, minimum_sites: 4, quorum: 3, deadline: 2s}");
  EXPECT_THAT(told, testing::ContainsRegex("hospital-4 +2  stale: "));
  EXPECT_THAT(told, testing::ContainsRegex("hospital-4 +2  deadline"));
  EXPECT_THAT(told, testing::ContainsRegex("round +3  loss"));
}

// Three of four flip the sign of what they trained: the mean goes their way, and so does whatever
// trusts the majority; the root's 100 rows do not.
TEST_F(HostileSites, AMajorityDoesNotTurnARootOfTrustAround) {
  ASSERT_EQ(run_process({kBin + "/tributary-client", "data", "generate-hospital", "--sites", "1",
                         "--rows", "100", "--seed", "9", "--out", directory_ / "root"},
                        directory_ / "log"),
            0);
  std::ofstream(directory_ / "lab.yaml")
      << "datasets: {patients: {loader: csv, path: root/hospital-1.csv}}\n";
  std::vector<std::string> command = {kBin + "/tributary-simulate",
                                      "sweep",
                                      "--attackers",
                                      "3",
                                      "--attack",
                                      "{name: sign_flip, scale: 5}",
                                      "--root",
                                      directory_ / "lab.yaml",
                                      "--out",
                                      directory_ / "out"};
  for (const std::string rule : {"weighted_mean", "median", "{name: fltrust, root: lab}"}) {
    const std::string name = rule.starts_with("{") ? "fltrust" : rule;
    std::ofstream(directory_ / (name + ".yaml"))
        << "name: " << name
        << "\nmodel: logistic\ndata: {dataset: patients, features: [age, pressure, creatinine, "
           "stay], label: readmitted, missing: mean}\ntrain: {batch_size: 8, epochs: 2, optimizer: "
           "{name: sgd, learning_rate: 0.1}}\naggregate: {rule: "
        << rule << "}\nrounds: {count: 8, minimum_sites: 4}\nevaluate: {every: 0}\n";
    command.insert(command.end(), {"--job", directory_ / (name + ".yaml")});
  }
  for (int i = 1; i <= 4; ++i)
    command.insert(command.end(),
                   {"--client", directory_ / ("hospital-" + std::to_string(i) + ".yaml")});
  ASSERT_EQ(run_process(command, directory_ / "table"), 0) << text_of(directory_ / "table");
  const std::string table = text_of(directory_ / "table");
  for (const std::string rule : {"weighted_mean", "median"}) {
    const std::vector<double> fell = row_of(table, rule);
    ASSERT_EQ(fell.size(), 2u) << table;
    EXPECT_LT(fell[1], 0.45) << "worse than a guess\n" << table;
  }
  const std::vector<double> trust = row_of(table, "fltrust");
  ASSERT_EQ(trust.size(), 2u) << table;
  EXPECT_GT(trust[0], 0.75) << "no attack\n" << table;
  EXPECT_GT(trust[1], 0.65) << "one honest site and 100 rows are left\n" << table;
}

TEST_F(HostileSites, ARootThatIsNotThereIsAskedFor) {
  EXPECT_THAT(run("sign_flip", "{count: 1}\naggregate: {rule: {name: fltrust, root: lab}}", 2),
              HasSubstr("has the root 'lab'; give its client.yaml with --root"));
}

TEST_F(HostileSites, AttacksThatMakeNoSenseAreRefusedAtOnce) {
  const std::string rounds = "{count: 1, minimum_sites: 4}";
  EXPECT_THAT(run("label_flop", rounds, 2), HasSubstr("label_flip"));
  EXPECT_THAT(run("{name: sign_flip, scale: 0}", rounds, 2), HasSubstr("scale"));
}

}  // namespace
}  // namespace tributary
