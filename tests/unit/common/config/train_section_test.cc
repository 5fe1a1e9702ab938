// SPDX-License-Identifier: Apache-2.0
// How a job says that sites train: options of the train section and what they refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/job_file.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string job(const std::string& train, const std::string& task = "binary",
                const std::string& more = "") {
  return "name: j\nmodel: logistic\n"
         "data: {dataset: d, task: " +
         task +
         ", features: [a], label: y, standardize: none}\n"
         "train: {" +
         train + "}\nrounds: {count: 5}\n" + more;
}

TrainSpec read(const std::string& text) {
  const auto file = parse_job(text, "job.yaml");
  EXPECT_TRUE(file) << file.error().message;
  return file ? file->spec.train : TrainSpec{};
}

std::string fault_of(const std::string& text) {
  const auto file = parse_job(text, "job.yaml");
  return file ? std::string() : file.error().message;
}

constexpr const char* kRecords =
    "privacy: {records: {clip: 1, noise_multiplier: 1, delta: 1e-6, max_epsilon: 9}}\n";

TEST(TrainSection, LeavesOutWhatNobodyAskedFor) {
  const TrainSpec train = read(job("epochs: 1"));
  EXPECT_EQ(train.schedule.name, "constant");
  EXPECT_EQ(train.clip_norm, 0.0);
  EXPECT_EQ(train.class_weights, ClassWeights{});
  EXPECT_FALSE(train.local_stop);
  EXPECT_FALSE(train.fine_tune);
}

TEST(TrainSection, ReadsASchedule) {
  const TrainSpec train = read(job("schedule: {name: exponential, decay: 0.9, warmup: 2}"));
  EXPECT_EQ(train.schedule.name, "exponential");
  EXPECT_EQ(train.schedule.options.at("decay"), OptionValue(0.9));
  EXPECT_THAT(fault_of(job("schedule: {name: cosine, warmup: 5}")),
              HasSubstr("train.schedule.warmup: is not below rounds.count (5)"));
  EXPECT_THAT(fault_of(job("learning_rate_decay: 0.9")), HasSubstr("learning_rate_decay"))
      << "is the schedule exponential";
}

TEST(TrainSection, ReadsAnOptimizerByTheMeanSquare) {
  const TrainSpec train = read(job("optimizer: {name: rmsprop, centered: true}"));
  EXPECT_EQ(train.optimizer.options.at("alpha"), OptionValue(0.99));
  EXPECT_EQ(train.optimizer.options.at("centered"), OptionValue(true));
  EXPECT_THAT(fault_of(job("algorithm: scaffold, optimizer: rmsprop")),
              HasSubstr("train.optimizer: rmsprop makes steps"));
}

TEST(TrainSection, AGradientHasOneClip) {
  EXPECT_EQ(read(job("clip_norm: 0.5")).clip_norm, 0.5);
  EXPECT_THAT(fault_of(job("clip_norm: -1")), HasSubstr("train.clip_norm"));
  EXPECT_THAT(fault_of(job("clip_norm: 1", "binary", kRecords)),
              AllOf(HasSubstr("train.clip_norm"), HasSubstr("privacy.records.clip")));
}

TEST(TrainSection, ClassesAreWeighedByNumbersOrByTheirRarity) {
  EXPECT_TRUE(read(job("class_weights: balanced")).class_weights.balanced);
  EXPECT_EQ(read(job("class_weights: even")).class_weights, ClassWeights{});
  EXPECT_THAT(read(job("class_weights: [0.5, 2]")).class_weights.weights, ElementsAre(0.5, 2.0));
  EXPECT_THAT(fault_of(job("class_weights: [1, 2, 3]")), HasSubstr("3 weights for 2 classes"));
  EXPECT_THAT(fault_of(job("class_weights: [1, 0]")), HasSubstr("train.class_weights"));
  EXPECT_THAT(fault_of(job("class_weights: [1, two]")), HasSubstr("train.class_weights"));
  EXPECT_THAT(fault_of(job("class_weights: balance")), HasSubstr("did you mean 'balanced'"));
  EXPECT_THAT(fault_of(job("class_weights: balanced", "regression")),
              HasSubstr("is for tasks with classes"));
  EXPECT_THAT(fault_of(job("class_weights: balanced", "binary", kRecords)),
              HasSubstr("how rare classes are"));
  EXPECT_EQ(fault_of(job("class_weights: [1, 2]", "binary", kRecords)), "");
}

TEST(TrainSection, SitesStopEarlyWhereNoNoiseIsPromised) {
  EXPECT_EQ(read(job("local_stop: {}")).local_stop->patience, 2);
  EXPECT_EQ(read(job("local_stop: {patience: 7}")).local_stop->patience, 7);
  EXPECT_THAT(fault_of(job("local_stop: {patience: 0}")), HasSubstr("train.local_stop.patience"));
  EXPECT_THAT(fault_of(job("local_stop: {patience: 1}", "binary", kRecords)),
              HasSubstr("train.local_stop"));
}

TEST(TrainSection, AModelIsTunedWhereAllSitesJudgeTheLast) {
  const TrainSpec train = read(job("fine_tune: {epochs: 3, learning_rate: 0.01}"));
  EXPECT_EQ(train.fine_tune->epochs, 3);
  EXPECT_EQ(train.fine_tune->learning_rate, 0.01);
  EXPECT_FALSE(read(job("fine_tune: {}")).fine_tune->learning_rate);
  EXPECT_THAT(fault_of(job("fine_tune: {}, personal: {lambda: 1}")),
              HasSubstr("train.personal beside it"));
  EXPECT_THAT(fault_of(job("fine_tune: {}", "binary", "evaluate: {by: evaluators}\n")),
              HasSubstr("evaluate.by: leaves out sites"));
  EXPECT_THAT(fault_of(job("fine_tune: {}", "binary", "evaluate: {fraction: 0.5}\n")),
              HasSubstr("evaluate.fraction: leaves out sites"));
  EXPECT_THAT(fault_of(job("fine_tune: {}", "binary", kRecords)), HasSubstr("train.fine_tune"));
}

std::string transfer(const std::string& section, const std::string& model = "logistic") {
  return "name: j\nmodel: " + model +
         "\ndata: {dataset: d, features: [a], label: y}\ntransfer: " + section +
         "\ntrain: {}\nrounds: {count: 5}\n";
}

TEST(TransferSection, SaysWhereWeightsComeFromAndWhichAreTrained) {
  const auto file = parse_job(
      transfer("{start: w.safetensors, freeze: [\"a*\"], lora: {rank: 4, targets: [\"b?\"]}}"),
      "job.yaml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->model_path, "w.safetensors") << "travels where a module would";
  EXPECT_EQ(file->spec.transfer, (TransferSpec{true, {"a*"}, LoraSpec{4, 16.0, {"b?"}}}));
  EXPECT_EQ(parse_job(transfer("{freeze: [a]}"), "job.yaml")->model_path, "");
}

TEST(TransferSection, NamesItsFaults) {
  EXPECT_THAT(fault_of(transfer("{start: w.pt}")),
              AllOf(HasSubstr("transfer.start"), HasSubstr("save_file")));
  EXPECT_THAT(fault_of(transfer("{start: w.safetensors}", "{family: torchscript, file: m.pt}")),
              HasSubstr("transfer.start: is for families of ours"));
  EXPECT_THAT(fault_of(transfer("{lora: {rank: 4}}")), HasSubstr("transfer.lora.targets"));
  EXPECT_THAT(fault_of(transfer("{lora: {rank: 0, targets: [a]}}")),
              HasSubstr("transfer.lora.rank"));
  EXPECT_THAT(fault_of(transfer("{freeze: [\"\"]}")), HasSubstr("a pattern is empty"));
}

}  // namespace
}  // namespace tributary
