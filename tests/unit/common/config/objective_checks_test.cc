// SPDX-License-Identifier: Apache-2.0
// train.objective and train.augment: how they are written, and what they do not go with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/catalog.h"
#include "common/config/job_file.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr const char* kPictures = "task: classes, classes: 3, input_shape: [3, 8, 8]";
constexpr const char* kSeries = "task: binary, input_shape: [50, 4]";
constexpr const char* kRows = "task: binary, input_shape: [12]";
constexpr const char* kTable = "features: [age, weight], label: ill";
constexpr const char* kRecords =
    "privacy: {records: {clip: 1, noise_multiplier: 1, delta: 1e-5, max_epsilon: 8}}\n";

Result<JobFile> job(const std::string& data, const std::string& train, const std::string& rest = "",
                    const std::string& model = "logistic") {
  return parse_job("name: j\nmodel: " + model + "\ndata: {dataset: d, " + data + "}\ntrain: {" +
                       train + "}\nrounds: {count: 3}\n" + rest,
                   "job.yaml");
}

std::string refused(const std::string& data, const std::string& train, const std::string& rest = "",
                    const std::string& model = "logistic") {
  const auto file = job(data, train, rest, model);
  return file ? "" : file.error().message;
}

TEST(TrainChecks, ReadsAListOfAugmentations) {
  const auto file =
      job(kPictures, "augment: [flip, {name: rotate, degrees: 25}, {name: mixup, alpha: 0.4}]");
  ASSERT_TRUE(file) << file.error().message;
  const auto& augment = file->spec.train.augment;
  ASSERT_EQ(augment.size(), 3u);
  EXPECT_EQ(augment[0].name, "flip");
  EXPECT_EQ(augment[0].options.at("horizontal"), OptionValue(0.5)) << "defaults are filled in";
  EXPECT_EQ(augment[1].options.at("degrees"), OptionValue(25.0));
  EXPECT_EQ(augment[2].name, "mixup");
  EXPECT_EQ(job(kPictures, "optimizer: sgd")->spec.train.augment.size(), 0u);
  EXPECT_EQ(job(kPictures, "optimizer: sgd")->spec.train.objective.name, "supervised");
}

TEST(TrainChecks, NamesWhatIsWrittenWrongInAList) {
  EXPECT_THAT(refused(kPictures, "augment: [flop]"),
              HasSubstr("train.augment: unknown value 'flop' (did you mean 'flip'?)"));
  EXPECT_THAT(refused(kPictures, "augment: [{name: rotat}]"),
              HasSubstr("train.augment[0].name: unknown value 'rotat'"));
  EXPECT_THAT(refused(kPictures, "augment: [{name: rotate, degree: 3}]"), HasSubstr("degrees"));
  EXPECT_THAT(refused(kPictures, "augment: [{name: rotate, degrees: 300}]"),
              HasSubstr("train.augment[0].degrees"));
  EXPECT_THAT(refused(kPictures, "augment: flip"), HasSubstr("expected a list"));
  EXPECT_THAT(refused(kPictures, "augment: [flip, flip]"), HasSubstr("'flip' stands twice"));
}

TEST(TrainChecks, AnAugmentationFitsTheRows) {
  for (const PluginSchema& schema : augmentations()) {
    SCOPED_TRACE(schema.name);
    const std::string train = "augment: [" + schema.name + "]";
    EXPECT_EQ(refused(kPictures, train).empty(), !schema.augmentation.series);
    EXPECT_EQ(refused(kSeries, train).empty(), !schema.augmentation.pictures);
    EXPECT_EQ(refused(kTable, train).empty(),
              !schema.augmentation.pictures && !schema.augmentation.series);
    EXPECT_THAT(refused("task: binary, input_shape: [9]", train, "", "embedding_bag"),
                HasSubstr("the inputs of this job are ids of tokens"));
  }
  EXPECT_THAT(refused(kSeries, "augment: [flip]"), HasSubstr("[channels, height, width]"));
  EXPECT_THAT(refused(kRows, "augment: [time_warp]"), HasSubstr("[steps, features]"));
  EXPECT_THAT(refused("features: [age], label: cost, task: regression", "augment: [smote]"),
              HasSubstr("smote evens out classes"));
  EXPECT_THAT(refused(kPictures, "augment: [mixup, flip]"), HasSubstr("write it last"));
}

TEST(TrainChecks, WhatMixesRowsDoesNotGoWithPrivacyOfRecords) {
  const std::string with = kRecords;
  EXPECT_EQ(refused(kPictures, "augment: [flip, noise]", with), "");
  for (const char* name : {"mixup", "smote"}) {
    EXPECT_THAT(refused(kPictures, std::string("augment: [") + name + "]", with),
                HasSubstr("makes of several rows one, and privacy.records bounds"));
    EXPECT_EQ(refused(kPictures, std::string("augment: [") + name + "]"), "");
  }
}

TEST(TrainChecks, PseudoLabelsAreForClasses) {
  EXPECT_EQ(refused(kRows, "objective: {name: pseudo_labels, threshold: 0.9}"), "");
  EXPECT_EQ(refused(kPictures, "objective: pseudo_labels"), "");
  EXPECT_THAT(refused("features: [age], label: cost, task: regression", "objective: pseudo_labels"),
              HasSubstr("it is for data.task: binary and classes"));
  EXPECT_THAT(refused(kRows, "objective: pseudo_labels", kRecords),
              HasSubstr("pseudo_labels has no gradients of single rows here"));
  EXPECT_THAT(refused(kRows, "objective: pseudo_labels, augment: [mixup]"),
              HasSubstr("mixup is made for rows with labels"));
}

TEST(TrainChecks, ObjectivesWithoutLabelsWantATaskWithout) {
  for (const char* name : {"reconstruction", "masked", "contrastive"}) {
    EXPECT_THAT(refused(kPictures, std::string("augment: [flip], objective: ") + name),
                HasSubstr("learns without labels; write data.task: unlabelled"));
    EXPECT_THAT(refused(kRows, std::string("objective: ") + name, kRecords),
                HasSubstr("privacy.records bounds those of each row"));
  }
  EXPECT_THAT(refused(kRows, "objective: contrastive"), HasSubstr("write what changes them under "
                                                                  "augment"));
  EXPECT_THAT(refused(kRows, "objective: contrastive, augment: [noise], batch_size: 1"),
              HasSubstr("leaves nothing that a row could be unlike"));
  EXPECT_THAT(refused(kRows, "objective: {name: masked, share: 1}"),
              HasSubstr("train.objective.share"));
  EXPECT_THAT(refused(kRows, "objective: maskd"), HasSubstr("did you mean 'masked'?"));
}

}  // namespace
}  // namespace tributary
