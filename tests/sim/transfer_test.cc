// SPDX-License-Identifier: Apache-2.0
// Whole federations that start from a model of an earlier one: only what is trained travels, what
// was learned elsewhere is of use at once, and each site ends with a model of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/tensor/safetensors.h"
#include "tests/support/process.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kBin = std::string(TRIBUTARY_BIN_DIR) + "/";

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Model load(const std::string& path) {
  const std::string bytes = text_of(path);
  const auto model = decode_safetensors(as_bytes(bytes));
  EXPECT_TRUE(model) << path;
  return model ? *model : Model{};
}

std::vector<std::string> names_of(const Model& model) {
  std::vector<std::string> names;
  for (const TensorInfo& tensor : model.layout.tensors) names.push_back(tensor.name);
  return names;
}

// Real data: heart disease at four hospitals, tests/sim/federation_test.cc.
class Transfer : public testing::Test {
 protected:
  void SetUp() override {
    const std::string source = TRIBUTARY_SOURCE_DIR, data = source + "/../shared/data/heart";
    if (!std::filesystem::exists(data))
      GTEST_SKIP() << "no " << data << " here: transfer over real hospitals is not tested";
    ASSERT_EQ(run_process({source + "/deploy/examples/heart/prepare", data, directory_ / "heart"},
                          directory_ / "log"),
              0);
  }
  // The job's folder of models; `log` has what was printed.
  std::string simulate(const std::string& out, const std::string& more, int rounds,
                       const std::vector<std::string>& sites, const std::string& rate) {
    std::ofstream(directory_ / (out + ".yaml"))
        << "name: heart\nseed: 5\nmodel: {family: mlp, hidden: [16]}\n"
           "data:\n  dataset: heart\n"
           "  features: [age, sex, trestbps, chol, fbs, thalach, exang, oldpeak]\n"
           "  label: {column: num, positive_above: 0}\n  standardize: federated\n"
        << more << "  optimizer: {name: adam, learning_rate: " << rate
        << "}\n  steps: 60\n  batch_size: 16\nrounds: {count: " << rounds
        << ", minimum_sites: " << sites.size() << "}\n";
    std::vector<std::string> command = {kBin + "tributary-simulate",  "run",   "--job",
                                        directory_ / (out + ".yaml"), "--out", directory_ / out};
    for (const std::string& site : sites) {
      command.push_back("--client");
      command.push_back(directory_ / ("heart/" + site + ".yaml"));
    }
    EXPECT_EQ(run_process(command, directory_ / (out + ".log")), 0)
        << text_of(directory_ / (out + ".log"));
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / out + "/models"))
      return entry.path().string();
    return "";
  }
  double auc_of_round(const std::string& out, const std::string& round) const {
    const std::string log = text_of(directory_ / (out + ".log"));
    const std::size_t at = log.find("auc ", log.find("round    " + round));
    EXPECT_NE(at, std::string::npos) << log;
    return at == std::string::npos ? 0.0 : std::stod(log.substr(at + 4));
  }

  TemporaryDirectory directory_;
};

TEST_F(Transfer, WhatTwoHospitalsLearnedServesTheOthersFromTheFirstRound) {
  const std::string before = simulate("first", "train:\n", 8, {"cleveland", "hungarian"}, "0.01");
  std::filesystem::copy(before + "/round-0008.safetensors", directory_ / "start.safetensors");
  const Model start = load(directory_ / "start.safetensors");

  // Steps so small that nothing is learned: what the model knows it brought along.
  const std::vector<std::string> others = {"switzerland", "va"};
  simulate("cold", "train:\n", 1, others, "1e-6");
  const std::string warm =
      simulate("warm", "transfer: {start: start.safetensors, freeze: [\"hidden1.*\"]}\ntrain:\n", 1,
               others, "1e-6");
  EXPECT_GT(auc_of_round("warm", "1"), auc_of_round("cold", "1") + 0.05);
  EXPECT_THAT(names_of(load(warm + "/round-0001.safetensors")),
              ElementsAre("output.weight", "output.bias"));

  const std::string adapted =
      simulate("adapted",
               "transfer:\n  start: start.safetensors\n  freeze: [\"*.bias\"]\n"
               "  lora: {rank: 2, alpha: 4, targets: [\"*.weight\"]}\n"
               "train:\n  fine_tune: {epochs: 2}\n",
               3, others, "0.01");
  const std::string last = adapted + "/round-0003.safetensors";
  EXPECT_THAT(names_of(load(last)),
              ElementsAre("hidden1.lora_a", "hidden1.lora_b", "output.lora_a", "output.lora_b"));
  const std::string log = text_of(directory_ / "adapted.log");
  EXPECT_GT(auc_of_round("adapted", "3"), 0.5) << log;
  std::size_t own = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory_ / "adapted/sites")) {
    if (entry.path().parent_path().filename() != "personal") continue;
    ++own;
    EXPECT_EQ(load(entry.path()).layout, load(last).layout);
    EXPECT_NE(load(entry.path()).values, load(last).values);
  }
  EXPECT_EQ(own, 2u);

  ASSERT_EQ(
      run_process({kBin + "tributary-client", "model", "export", "--job",
                   directory_ / "adapted.yaml", "--model", last, "--out", directory_ / "whole.pt"},
                  directory_ / "log"),
      0)
      << text_of(directory_ / "log");
  EXPECT_GT(std::filesystem::file_size(directory_ / "whole.pt"), 4 * start.values.size());
}

TEST_F(Transfer, AFileThatDoesNotFitEndsTheJobBeforeItsFirstRound) {
  std::ofstream(directory_ / "start.safetensors", std::ios::binary)
      << as_text(encode_safetensors(Model{{{{"body.weight", {2}}}}, {1.0F, 2.0F}}));
  std::ofstream(directory_ / "job.yaml")
      << "name: heart\nmodel: logistic\n"
         "data: {dataset: heart, features: [age], label: {column: num, positive_above: 0}}\n"
         "transfer: {start: start.safetensors}\ntrain: {}\n"
         "rounds: {count: 1, minimum_sites: 1, attempts: 1}\n";
  EXPECT_NE(run_process({kBin + "tributary-simulate", "run", "--job", directory_ / "job.yaml",
                         "--client", directory_ / "heart/va.yaml", "--out", directory_ / "out"},
                        directory_ / "log"),
            0);
  EXPECT_THAT(text_of(directory_ / "log"), HasSubstr("no tensor of the file has name and shape"));
}

}  // namespace
}  // namespace tributary
