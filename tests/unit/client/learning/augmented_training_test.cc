// SPDX-License-Identifier: Apache-2.0
// Trainings with augmentations and other objectives: what they are good for, shown on rows where
// a training without them cannot come as far.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

using Sizes = std::vector<std::int64_t>;

Model start_of(const JobSpec& job, const ExampleSet& data) {
  auto made = initial_model(job, data.input_shape, {});
  EXPECT_TRUE(made) << made.error().message;
  return *std::move(made);
}

TrainOutput trained(const JobSpec& job, const Model& start, const ExampleSet& data,
                    RoundNumber round = 1) {
  auto output = train(TrainRequest{job, round, start, data, 7 + round, 1, {}, {}, {}});
  EXPECT_TRUE(output) << output.error().message;
  return output ? *std::move(output) : TrainOutput{};
}

// After so many rounds on the site's rows.
Model after(const JobSpec& job, const ExampleSet& data, RoundNumber rounds = 1) {
  Model model = start_of(job, data);
  for (RoundNumber round = 1; round <= rounds; ++round) {
    const TrainOutput output = trained(job, model, data, round);
    for (std::size_t i = 0; i < output.update.values.size(); ++i)
      model.values[i] += output.update.values[i];
  }
  return model;
}

EvaluationFigures judged(const JobSpec& job, const Model& model, const ExampleSet& data) {
  const auto counts = evaluate(job, model, data, 1, {});
  EXPECT_TRUE(counts) << counts.error().message;
  return counts ? figures_of(*counts) : EvaluationFigures{};
}

JobSpec job_of(const std::string& family, TargetKind target, const OptionMap& options = {}) {
  JobSpec job;
  job.model = choose(model_families(), family, options);
  job.data.target = target;
  job.data.classes = 2;
  job.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.02}});
  job.train.epochs = 20;
  job.train.batch_size = 16;
  return job;
}

// A bright square in the upper (class 0) or lower half, at the side that is said.
ExampleSet squares(std::int64_t rows, std::int64_t left, std::uint64_t seed) {
  SeededRandom random(seed);
  ExampleSet data{{1, 8, 8}, rows, {}, {}, {}};
  for (std::int64_t i = 0; i < rows; ++i) {
    std::vector<float> picture(64);
    for (float& value : picture) value = static_cast<float>(0.3 * random.normal());
    const std::int64_t top = i % 2 == 0 ? 1 : 5;
    for (std::int64_t y = top; y < top + 2; ++y) {
      for (std::int64_t x = left; x < left + 2; ++x)
        picture[static_cast<std::size_t>(y * 8 + x)] += 1.0F;
    }
    data.inputs.insert(data.inputs.end(), picture.begin(), picture.end());
    data.labels.push_back(i % 2);
  }
  return data;
}

// A linear model that never saw the right side knows nothing of it.
TEST(AugmentedTraining, FlippedPicturesTeachWhatTheSiteNeverSaw) {
  JobSpec job = job_of("logistic", TargetKind::kClasses);
  const ExampleSet left = squares(60, 1, 1), right = squares(200, 5, 2);
  const double without = *judged(job, after(job, left), right).accuracy;
  job.train.augment = {choose(augmentations(), "flip")};
  const Model model = after(job, left);
  EXPECT_LT(without, 0.75);
  EXPECT_GT(*judged(job, model, right).accuracy, 0.97);
  EXPECT_GT(*judged(job, model, left).accuracy, 0.97);
}

// Two overlapping classes in ten dimensions, the second of them rare.
ExampleSet uneven(std::int64_t rows, std::int64_t one_in, std::uint64_t seed) {
  SeededRandom random(seed);
  ExampleSet data{{10}, rows, {}, {}, {}};
  for (std::int64_t i = 0; i < rows; ++i) {
    const bool rare = i % one_in == 0;
    for (int j = 0; j < 10; ++j)
      data.inputs.push_back(static_cast<float>(random.normal() + (rare ? 0.6 : 0.0)));
    data.labels.push_back(rare ? 1 : 0);
  }
  return data;
}

TEST(AugmentedTraining, SmoteFindsMoreOfARareClassAndCountsNoMoreRows) {
  JobSpec job = job_of("logistic", TargetKind::kBinary);
  job.train.epochs = 5;
  const ExampleSet data = uneven(300, 20, 1), balanced = uneven(1000, 2, 2);
  const Model start = start_of(job, data);
  const TrainOutput without = trained(job, start, data);
  EXPECT_EQ(without.batches, 5u * 19u);
  const double before = *judged(job, after(job, data), balanced).accuracy;
  job.train.augment = {choose(augmentations(), "smote")};
  const TrainOutput with = trained(job, start, data);
  EXPECT_EQ(with.examples, 300u) << "rows that were made count nowhere";
  EXPECT_EQ(with.batches, 5u * 36u) << "of 285 rows of either class";
  const double now = *judged(job, after(job, data), balanced).accuracy;
  EXPECT_LT(before, 0.65);
  EXPECT_GT(now, before + 0.1);
}

// Six rows with a label, and many without: the clusters are plain to see, the labels few.
ExampleSet clusters(std::int64_t rows, std::int64_t labelled, std::uint64_t seed) {
  SeededRandom random(seed);
  ExampleSet data{{20}, rows, {}, {}, {}};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (int j = 0; j < 20; ++j)
      data.inputs.push_back(static_cast<float>(random.normal() + (i % 2 == 0 ? -0.45 : 0.45)));
    data.labels.push_back(i < labelled ? i % 2 : -1);
  }
  return data;
}

TEST(AugmentedTraining, PseudoLabelsLearnFromRowsWithoutOne) {
  JobSpec job = job_of("logistic", TargetKind::kBinary);
  job.train.epochs = 30;
  ExampleSet few = clusters(6, 6, 1);
  const ExampleSet all = clusters(400, 6, 1), judges = clusters(2000, 2000, 3);
  const double without = *judged(job, after(job, few), judges).accuracy;
  job.train.objective = choose(training_objectives(), "pseudo_labels",
                               {{"threshold", 0.8}, {"warmup", std::int64_t{1}}});
  job.train.batch_size = 50;
  const double with = *judged(job, after(job, all, 4), judges).accuracy;
  EXPECT_LT(without, 0.93);
  EXPECT_GT(with, without + 0.03);
}

TEST(AugmentedTraining, RowsWithoutALabelAreForPseudoLabelsOnly) {
  const JobSpec job = job_of("logistic", TargetKind::kBinary);
  const ExampleSet data = clusters(10, 6, 1);
  const Model start = start_of(job, data);
  const auto refused = train(TrainRequest{job, 1, start, data, 1, 1, {}, {}, {}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("a label is not one of the classes"), std::string::npos);
}

// One hidden cause of 40 noisy columns: its sign is the class.
ExampleSet causes(std::int64_t rows, std::uint64_t seed) {
  SeededRandom random(seed);
  ExampleSet data{{40}, rows, {}, {}, {}};
  for (std::int64_t i = 0; i < rows; ++i) {
    const double cause = i % 2 == 0 ? -0.3 : 0.3;
    for (int j = 0; j < 40; ++j)
      data.inputs.push_back(static_cast<float>(random.normal() + (j % 2 == 0 ? cause : -cause)));
    data.labels.push_back(i % 2);
  }
  return data;
}

// What the first layer of a pre-trained model makes of each row: its weights stay as they are.
ExampleSet features_by(const Model& model, const ExampleSet& data) {
  std::size_t at = 0, weight = 0, bias = 0;
  for (const TensorInfo& tensor : model.layout.tensors) {
    if (tensor.name == "hidden1.weight") weight = at;
    if (tensor.name == "hidden1.bias") bias = at;
    std::size_t count = 1;
    for (const std::int64_t size : tensor.shape) count *= static_cast<std::size_t>(size);
    at += count;
  }
  constexpr std::size_t kUnits = 4, kInputs = 40;
  ExampleSet made{{kUnits}, data.rows, {}, data.labels, {}};
  for (std::size_t row = 0; row < static_cast<std::size_t>(data.rows); ++row) {
    for (std::size_t unit = 0; unit < kUnits; ++unit) {
      double sum = double{model.values[bias + unit]};
      for (std::size_t i = 0; i < kInputs; ++i)
        sum += double{model.values[weight + unit * kInputs + i]} *
               double{data.inputs[row * kInputs + i]};
      made.inputs.push_back(static_cast<float>(std::tanh(sum)));
    }
  }
  return made;
}

class PreTraining : public testing::Test {
 protected:
  // Accuracy of a linear model of few labelled rows, on inputs as they are and on features.
  void expect_better_features(const JobSpec& unlabelled, double gain) {
    const ExampleSet many = causes(1500, 1), few = causes(8, 2), judges = causes(3000, 3);
    const Model model = after(unlabelled, many);
    JobSpec probe = job_of("logistic", TargetKind::kBinary);
    probe.train.epochs = 100;
    const double from_scratch = *judged(probe, after(probe, few), judges).accuracy;
    const double on_features =
        *judged(probe, after(probe, features_by(model, few)), features_by(model, judges)).accuracy;
    EXPECT_GT(on_features, from_scratch + gain) << from_scratch;
    EXPECT_LT(judged(unlabelled, model, judges).loss,
              judged(unlabelled, start_of(unlabelled, many), judges).loss);
  }
  JobSpec unlabelled(const std::string& objective, const OptionMap& options = {}) {
    JobSpec job = job_of("mlp", TargetKind::kUnlabelled,
                         {{"hidden", Sizes{4}}, {"activation", std::string("tanh")}});
    job.data.input_shape = {40};
    job.train.objective = choose(training_objectives(), objective, options);
    job.train.batch_size = 50;
    return job;
  }
};

TEST_F(PreTraining, MaskedRowsTeachFeaturesThatNeedFewLabels) {
  expect_better_features(unlabelled("masked"), 0.04);
}

TEST_F(PreTraining, AnAutoencoderTeachesFeaturesThatNeedFewLabels) {
  expect_better_features(unlabelled("reconstruction"), 0.04);
}

TEST_F(PreTraining, ContrastiveViewsTeachFeaturesThatNeedFewLabels) {
  JobSpec job = unlabelled("contrastive", {{"width", std::int64_t{8}}});
  job.train.augment = {choose(augmentations(), "noise", {{"deviation", 1.0}})};
  expect_better_features(job, 0.04);
}

TEST_F(PreTraining, AModelOfAnotherWidthThanItsInputsIsToldWhatItNeeds) {
  const JobSpec contrastive = unlabelled("contrastive", {{"width", std::int64_t{8}}});
  const ExampleSet data = causes(8, 1);
  const auto refused = train(
      TrainRequest{unlabelled("masked"), 1, start_of(contrastive, data), data, 1, 1, {}, {}, {}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("does not fit the job's model family"), std::string::npos);
}

// The same rows, the same model: every evaluation draws alike.
TEST_F(PreTraining, EvaluationsOfWhatDrawsAreRepeatable) {
  const ExampleSet data = causes(130, 1);
  for (const char* name : {"masked", "contrastive", "reconstruction"}) {
    SCOPED_TRACE(name);
    JobSpec job = unlabelled(name);
    job.train.augment = {choose(augmentations(), "noise")};
    const Model model = start_of(job, data);
    const EvaluationFigures once = judged(job, model, data), again = judged(job, model, data);
    EXPECT_EQ(once.examples, 130u);
    EXPECT_EQ(once.loss, again.loss);
    EXPECT_GT(once.loss, 0.0);
    EXPECT_EQ(judged(job, model, ExampleSet{{40}, 0, {}, {}, {}}).examples, 0u);
  }
}

TEST(AugmentedTraining, UnderPrivacyOfRecordsEachRowIsChangedByItselfOrNot) {
  JobSpec job = job_of("logistic", TargetKind::kBinary);
  job.train.epochs = 1;
  job.train.optimizer = choose(client_optimizers(), "sgd", {});
  job.privacy.records = {.clip = 1.0, .noise_multiplier = 1.0, .delta = 1e-5, .max_epsilon = 100};
  const ExampleSet data = uneven(64, 2, 1);
  const Model start = start_of(job, data);
  const auto refusal = [&] {
    const auto output = train(TrainRequest{job, 1, start, data, 1, 1, {}, {}, {}});
    return output ? std::string() : output.error().message;
  };
  job.train.augment = {choose(augmentations(), "noise")};
  EXPECT_EQ(refusal(), "");
  for (const char* name : {"mixup", "smote"}) {
    job.train.augment = {choose(augmentations(), name)};
    EXPECT_NE(refusal().find("privacy.records does not go with train.augment"), std::string::npos);
  }
  job.train.augment = {};
  job.train.objective = choose(training_objectives(), "pseudo_labels");
  EXPECT_NE(refusal().find("privacy.records does not go with train.objective"), std::string::npos);
}

}  // namespace
}  // namespace tributary
