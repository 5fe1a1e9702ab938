// SPDX-License-Identifier: Apache-2.0
// `tributary-client explain` as a process, on real data: three sites explain the model that they
// trained together, and join what may leave them. Skipped where a data set is not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using Json = nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kData = TRIBUTARY_SOURCE_DIR "/../shared/data/";

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class Explain : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }
  std::string path(const std::string& name) const { return directory_ / name; }

  // The exit status; what it said is in said_.
  int run(const std::string& program, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), TRIBUTARY_BIN_DIR "/" + program);
    std::filesystem::remove(path("said.txt"));
    const int status = run_process(std::move(arguments), path("said.txt"));
    said_ = read(path("said.txt"));
    return status;
  }
  int explain(const std::string& site, std::vector<std::string> more) {
    more.insert(more.begin(), {"--config", path(site + ".yaml"), "explain", "--job",
                               path("job.yaml"), "--model", model_});
    return run("tributary-client", std::move(more));
  }
  void write_client(const std::string& site, const std::string& datasets) const {
    write(site + ".yaml",
          "coordinator: localhost:8443\nstate_dir: state\n"
          "tls: {certificate: a.pem, key: a.key, ca: ca.pem}\n"
          "policy: policy.yaml\ndatasets:\n" +
              datasets);
    write("policy.yaml", "approval: automatic\n");
  }
  // Trains, and remembers where the model is.
  void simulate(std::vector<std::string> more) {
    more.insert(more.begin(), {"run", "--job", path("job.yaml"), "--out", path("models")});
    ASSERT_EQ(run("tributary-simulate", std::move(more)), 0) << said_;
    const std::size_t at = said_.rfind("model: ");
    ASSERT_NE(at, std::string::npos) << said_;
    model_ = said_.substr(at + 7, said_.find('\n', at) - at - 7);
  }

  const TemporaryDirectory directory_;
  std::string said_, model_;
};

class ExplainPatients : public Explain {
 protected:
  static constexpr int kColumns = 30;

  void SetUp() override {
    const std::string file = kData + "breast-cancer/wdbc.data";
    if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not there";
    std::ifstream rows(file);
    std::array<std::string, 3> of_site;
    std::string line;
    for (std::size_t i = 0; std::getline(rows, line); ++i) of_site[i % 3] += line + "\n";
    std::string columns = "id, diagnosis", features;
    for (int i = 1; i <= kColumns; ++i) {
      columns += ", f" + std::to_string(i);
      features += (i > 1 ? ", f" : "f") + std::to_string(i);
    }
    for (std::size_t i = 0; i < 3; ++i) {
      write(site(i) + ".csv", of_site[i]);
      write_client(site(i), "  cells: {loader: csv, path: " + site(i) +
                                ".csv, header: false, columns: [" + columns + "]}\n");
    }
    write("job.yaml",
          "name: cells\nmodel: {family: mlp, hidden: [16]}\ndata:\n  dataset: cells\n"
          "  standardize: site\n  validation_fraction: 0.4\n  features: [" +
              features +
              "]\n  label: {column: diagnosis, values: [B, M]}\n"
              "train: {optimizer: {name: sgd, learning_rate: 0.1}, epochs: 2, batch_size: 16}\n"
              "rounds: {count: 5, minimum_sites: 3}\n");
    simulate({"--client", path("north.yaml"), "--client", path("south.yaml"), "--client",
              path("west.yaml")});
  }
  static std::string site(std::size_t index) {
    return std::vector<std::string>{"north", "south", "west"}[index];
  }
};

TEST_F(ExplainPatients, SitesExplainOneModelAndJoinWhatMayLeave) {
  std::vector<std::string> merged = {"explain", "merge", "--out", path("federation.html")};
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(explain(site(i), {"--method", "permutation,shap,integrated_gradients", "--rows", "60",
                                "--permutations", "16", "--out", path("out/" + site(i))}),
              0)
        << said_;
    EXPECT_THAT(said_, AllOf(HasSubstr("report.html"), HasSubstr("shap: 60 rows; sums are off")));
    const std::string page = read(path("out/" + site(i) + "/report.html"));
    EXPECT_THAT(page, AllOf(HasSubstr("<svg"), HasSubstr("Single rows by shap"),
                            HasSubstr("taken for M"), HasSubstr("label B")));
    merged.push_back(path("out/" + site(i) + "/explanation.json"));
    // Sums alone: for each method two numbers a feature, whatever number of rows there is.
    const Json json = Json::parse(read(merged.back()));
    EXPECT_EQ(json.size(), 6u) << json.dump();
    EXPECT_EQ(json.at("rows"), 60);
    double most = 0.0;
    for (const auto& [name, method] : json.at("methods").items()) {
      EXPECT_EQ(method.size(), 3u) << name;
      EXPECT_EQ(method.at("sums").size(), std::size_t{kColumns});
      EXPECT_EQ(method.at("squares").size(), std::size_t{kColumns});
      for (const double sum : method.at("sums")) most = std::max(most, sum);
    }
    EXPECT_GT(most, 1.0) << "some feature counts";
  }
  ASSERT_EQ(run("tributary-client", merged), 0) << said_;
  EXPECT_THAT(read(path("federation.html")),
              AllOf(HasSubstr("over 3 sites"), HasSubstr("180 rows in all"), HasSubstr("north"),
                    HasSubstr("west"), HasSubstr("<svg"), Not(HasSubstr("Single rows"))));
}

TEST_F(ExplainPatients, WhatIsWrongIsSaidAndFewRowsAreNotAddedUp) {
  ASSERT_EQ(explain("north", {"--method", "saliency", "--rows", "10", "--out", path("few")}), 0);
  EXPECT_THAT(said_, HasSubstr("no explanation.json: sums over 10 rows would tell"));
  EXPECT_TRUE(std::filesystem::exists(path("few/report.html")));
  EXPECT_FALSE(std::filesystem::exists(path("few/explanation.json")));
  // The site's policy may want more rows, never fewer.
  write("policy.yaml", "approval: automatic\nmetrics: {min_count: 50}\n");
  ASSERT_EQ(explain("north", {"--method", "saliency", "--rows", "30", "--out", path("few")}), 0);
  EXPECT_THAT(said_, HasSubstr("at least 50 are added up"));

  EXPECT_EQ(explain("north", {"--method", "lime"}), 2);
  EXPECT_THAT(said_, HasSubstr("no method 'lime'"));
  EXPECT_EQ(explain("north", {}), 2);
  EXPECT_THAT(said_, HasSubstr("--method is missing"));
  EXPECT_EQ(explain("north", {"--method", "grad_cam"}), 2);
  EXPECT_THAT(said_, HasSubstr("grad_cam is for pictures"));
  write("policy.yaml", "approval: sometimes\n");
  EXPECT_EQ(explain("north", {"--method", "saliency"}), 2) << "what may leave is not known";
  write("a.json", "{}");
  EXPECT_EQ(
      run("tributary-client", {"explain", "merge", path("a.json"), "--out", path("all.html")}), 2);
  EXPECT_THAT(said_, AllOf(HasSubstr("a.json"), HasSubstr("is no explanation")));
}

TEST_F(Explain, PicturesAreShownWithTheirHeat) {
  const std::string file = kData + "pneumonia/pneumoniamnist.npz";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not there";
  write_client("ward", "  lungs: {loader: npz, path: " + file +
                           ", inputs: train_images, labels: train_labels, validation_inputs: "
                           "test_images, validation_labels: test_labels}\n");
  write("job.yaml",
        "name: lungs\nmodel: {family: cnn, channels: [4, 8], dense: [16]}\n"
        "data: {dataset: lungs, input_shape: [1, 28, 28], value_scale: 1/255}\n"
        "train: {optimizer: {name: sgd, learning_rate: 0.05}, steps: 30, batch_size: 16}\n"
        "rounds: {count: 1, minimum_sites: 1}\n");
  simulate({"--client", path("ward.yaml")});
  ASSERT_EQ(explain("ward", {"--method", "saliency,grad_cam,occlusion,integrated_gradients",
                             "--steps", "8", "--rows", "24", "--out", path("out")}),
            0)
      << said_;
  const std::string page = read(path("out/report.html"));
  EXPECT_THAT(page, AllOf(HasSubstr("Single pictures"), HasSubstr("grad_cam"), HasSubstr("logit")));
  std::size_t pictures = 0;
  for (std::size_t at = page.find("data:image/png"); at != std::string::npos;
       at = page.find("data:image/png", at + 1))
    ++pictures;
  EXPECT_EQ(pictures, 4u + 12u * 5u) << "a mean of each method, and twelve rows plain and heated";
  const Json json = Json::parse(read(path("out/explanation.json")));
  EXPECT_EQ(json.at("picture"), (Json{{"height", 28}, {"width", 28}}));
  EXPECT_EQ(json.at("methods").at("grad_cam").at("sums").size(), 784u);
}

}  // namespace
}  // namespace tributary
