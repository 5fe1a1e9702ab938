// SPDX-License-Identifier: Apache-2.0
// From sites to a table that may be shared: the example in deploy/examples/synthetic, over real
// rows where they are there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;

const std::string kBin = std::string(TRIBUTARY_BIN_DIR) + "/";
const std::string kSource = TRIBUTARY_SOURCE_DIR;
const std::string kExample = kSource + "/deploy/examples/synthetic/";

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Synthetic : public testing::Test {
 protected:
  void SetUp() override {
    const std::string data = kSource + "/../shared/data/breast-cancer";
    if (!std::filesystem::exists(data))
      GTEST_SKIP() << "no " << data << " here: the real breast cancer data is not tested";
    ASSERT_EQ(run_process({kExample + "prepare", data, directory_ / "data"}, directory_ / "log"), 0)
        << text_of(directory_ / "log");
  }
  void simulate(const std::string& job) {
    std::vector<std::string> command = {
        kBin + "tributary-simulate", "run", "--job", kExample + job, "--out", directory_ / "out"};
    for (const char* site : {"north", "east", "west"}) {
      command.push_back("--client");
      command.push_back(directory_ / (std::string("data/") + site + ".yaml"));
    }
    ASSERT_EQ(run_process(command, directory_ / "log"), 0) << text_of(directory_ / "log");
  }
  int synthesize(std::vector<std::string> more) {
    std::vector<std::string> command = {kBin + "tributary-client",
                                        "--config",
                                        directory_ / "data/north.yaml",
                                        "synthesize",
                                        "--model",
                                        directory_ / "out/model.safetensors"};
    command.insert(command.end(), more.begin(), more.end());
    return run_process(command, directory_ / "log");
  }
  std::string log() const { return text_of(directory_ / "log"); }

  TemporaryDirectory directory_;
};

std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.insert(line);
  return lines;
}

// The cells behind `first` in its row of a table of the page.
std::vector<double> numbers_behind(const std::string& page, const std::string& first) {
  std::vector<double> numbers;
  const std::size_t at = page.find("<td>" + first + "</td>");
  if (at == std::string::npos) return numbers;
  const std::string row = page.substr(at, page.find("</tr>", at) - at);
  static const std::regex kNumber("<td class=\"number\">([^<]*)</td>");
  for (std::sregex_iterator cell(row.begin(), row.end(), kNumber), end; cell != end; ++cell)
    numbers.push_back(std::stod((*cell)[1]));
  return numbers;
}

TEST_F(Synthetic, OneLearnsFromMadeRowsWhatOneLearnsFromRealOnes) {
  ASSERT_NO_FATAL_FAILURE(simulate("job.yaml"));
  ASSERT_EQ(synthesize({"--rows", "500", "--seed", "3", "--out", directory_ / "made.csv", "--real",
                        "cells", "--label", "diagnosis", "--report", directory_ / "report.html"}),
            0)
      << log();
  const std::string csv = text_of(directory_ / "made.csv");
  EXPECT_TRUE(csv.starts_with("diagnosis,radius_mean,texture_mean,")) << csv.substr(0, 200);
  EXPECT_EQ(std::ranges::count(csv, '\n'), 501);
  const std::set<std::string> made = lines_of(csv);
  EXPECT_GT(made.size(), 490u) << "rows are not the same over and over";
  const std::string page = text_of(directory_ / "report.html");
  EXPECT_EQ(page.find("WARNING"), std::string::npos) << "no row is copied";
  EXPECT_THAT(page, HasSubstr("<svg"));
  const std::vector<double> judged = numbers_behind(page, "diagnosis</td><td>auc");
  ASSERT_EQ(judged.size(), 3u) << page.substr(0, 4000);
  EXPECT_GT(judged[0], 0.95) << "trained on real rows";
  EXPECT_GT(judged[1], judged[0] - 0.03) << "trained on made rows";
  const std::vector<double> radius = numbers_behind(page, "radius_mean</td><td>Kolmogorov-Smirnov");
  ASSERT_EQ(radius.size(), 1u);
  EXPECT_LT(radius[0], 0.12);

  // The same seed, the same rows; without real rows no configuration is needed.
  ASSERT_EQ(run_process({kBin + "tributary-client", "synthesize", "--job", kExample + "job.yaml",
                         "--model", directory_ / "out/model.safetensors", "--rows", "500", "--seed",
                         "3", "--out", directory_ / "again.csv"},
                        directory_ / "log"),
            0)
      << log();
  EXPECT_EQ(text_of(directory_ / "again.csv"), csv);
}

TEST_F(Synthetic, APrivateJobSpendsEpsilonAndItsPageSaysSo) {
  ASSERT_NO_FATAL_FAILURE(simulate("private.yaml"));
  EXPECT_THAT(log(), HasSubstr("epsilon"));
  ASSERT_EQ(synthesize({"--rows", "200", "--out", directory_ / "made.csv", "--real", "cells",
                        "--shareable", "--report", directory_ / "report.html"}),
            0)
      << log();
  const std::string page = text_of(directory_ / "report.html");
  const std::vector<double> epsilon = numbers_behind(page, "epsilon of a record here, all rounds");
  ASSERT_EQ(epsilon.size(), 1u) << page.substr(0, 4000);
  EXPECT_GT(epsilon[0], 0.1);
  EXPECT_LT(epsilon[0], 8.0) << "max_epsilon of the job";
  EXPECT_EQ(page.find("<svg"), std::string::npos) << "--shareable has no figure";
}

TEST_F(Synthetic, WhatCannotBeMadeIsSaid) {
  ASSERT_NO_FATAL_FAILURE(simulate("job.yaml"));
  const std::string out = directory_ / "made.csv";
  EXPECT_NE(synthesize({"--out", out, "--real", "cells"}), 0);
  EXPECT_THAT(log(), HasSubstr("--real and --report go together"));
  EXPECT_NE(synthesize({"--out", out, "--real", "other", "--report", directory_ / "r.html"}), 0);
  EXPECT_THAT(log(), HasSubstr("has no dataset 'other'"));
  EXPECT_NE(synthesize({"--out", out, "--whole", "diagnosis"}), 0);
  EXPECT_THAT(log(), HasSubstr("no numeric column 'diagnosis'"));
  EXPECT_NE(synthesize({"--out", out, "--job", kSource + "/deploy/examples/hospital/job.yaml"}), 0);
  EXPECT_THAT(log(), HasSubstr("families that do: copula"));
}

}  // namespace
}  // namespace tributary
