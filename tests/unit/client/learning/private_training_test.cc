// SPDX-License-Identifier: Apache-2.0
// A whole training under privacy.records: how much noise is in what leaves, and what of it nobody
// can repeat.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

constexpr std::int64_t kInputs = 2000;  // of which all are zero: their weights move by noise alone
constexpr double kRate = 0.5;

JobSpec private_job(double clip, double noise_multiplier) {
  JobSpec job;
  job.model = {"logistic", {}};
  job.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", kRate}});
  job.train.batch_size = 4;
  job.train.steps = 1;
  job.privacy.records = {
      .clip = clip, .noise_multiplier = noise_multiplier, .delta = 1e-5, .max_epsilon = 100};
  return job;
}

ExampleSet empty_inputs(std::int64_t rows) {
  ExampleSet data{{kInputs}, rows, {}, {}, {}};
  data.inputs.assign(static_cast<std::size_t>(rows * kInputs), 0.0F);
  data.labels.assign(static_cast<std::size_t>(rows), 1);
  return data;
}

struct Moments {
  double mean = 0, variance = 0;
};

// Of the weights, which come before the bias.
Moments moments_of(const TrainOutput& trained) {
  Moments moments;
  for (std::size_t i = 0; i < kInputs; ++i) {
    const double value = static_cast<double>(trained.update.values[i]);
    moments.mean += value / kInputs;
    moments.variance += value * value / kInputs;
  }
  return moments;
}

void expect_noise(const TrainOutput& trained, double sigma) {
  const Moments moments = moments_of(trained);
  EXPECT_NEAR(moments.mean, 0, 6 * sigma / std::sqrt(double{kInputs}));
  EXPECT_NEAR(moments.variance / (sigma * sigma), 1, 6 * std::sqrt(2.0 / kInputs));
}

TEST(PrivateTraining, NoiseIsThatOfClipMultiplierAndPlannedBatch) {
  const ExampleSet data = empty_inputs(40);
  for (const auto& [clip, multiplier, steps] :
       {std::tuple{1.0, 1.0, 1}, {0.1, 3.0, 1}, {2.0, 0.7, 9}}) {
    JobSpec job = private_job(clip, multiplier);
    job.train.steps = steps;
    const Model global = *initial_model(job, {kInputs}, {});
    const auto trained = train({job, 1, global, data, 7, 1, {}, {}, {}});
    ASSERT_TRUE(trained) << trained.error().message;
    expect_noise(*trained, kRate * clip * multiplier / 4 * std::sqrt(steps));
    EXPECT_EQ(trained->train_loss, 0) << "it would be of the rows, and without noise";
    EXPECT_EQ(trained->examples, 40u);
    EXPECT_EQ(trained->batches, static_cast<std::uint64_t>(steps));
  }
}

TEST(PrivateTraining, NobodyCanRepeatIt) {
  const JobSpec job = private_job(1, 1);
  const ExampleSet data = empty_inputs(40);
  const Model global = *initial_model(job, {kInputs}, {});
  const TrainRequest request{job, 1, global, data, 7, 1, {}, {}, {}};
  const auto first = train(request), second = train(request);
  ASSERT_TRUE(first && second);
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_NE(first->update.values[i], second->update.values[i]) << "from the job's seed";
}

// What was drawn before the checkpoint is in the weights; what comes after is drawn anew.
TEST(PrivateTraining, GoesOnWithFreshNoiseAndWithNoneTwice) {
  JobSpec job = private_job(1, 1);
  job.train.steps = 8;
  const ExampleSet data = empty_inputs(40);
  const Model global = *initial_model(job, {kInputs}, {});
  std::optional<TrainingState> kept;
  TrainRequest request{job, 1, global, data, 7, 1, {}, {}, {}};
  std::uint64_t done = 0;
  request.progress = [&](std::uint64_t now, std::uint64_t) { done = now; };
  request.checkpoint_due = [&] { return done == 4; };
  request.checkpoint = [&](Result<TrainingState> state) { kept = *std::move(state); };
  const auto whole = train(request);
  ASSERT_TRUE(whole && kept);
  EXPECT_EQ(kept->batches, 4u);
  request.checkpoint_due = {};
  request.resume = [&] { return kept; };
  const auto resumed = train(request);
  ASSERT_TRUE(resumed) << resumed.error().message;
  const double of_a_step = kRate / 4;
  expect_noise(*resumed, of_a_step * std::sqrt(8.0));
  TrainOutput apart = *resumed;
  for (std::size_t i = 0; i < kInputs; ++i) apart.update.values[i] -= whole->update.values[i];
  expect_noise(apart, of_a_step * std::sqrt(8.0));
}

TEST(PrivateTraining, LearnsWhereManyRowsSayTheSame) {
  JobSpec job = private_job(1, 1);
  job.train.steps = 60;
  job.train.batch_size = 200;
  SeededRandom random(4);
  ExampleSet data{{2}, 1000, {}, {}, {}};
  for (int i = 0; i < 1000; ++i) {
    const double x = random.normal(), y = random.normal();
    data.inputs.insert(data.inputs.end(), {static_cast<float>(x), static_cast<float>(y)});
    data.labels.push_back(x - y > 0 ? 1 : 0);
  }
  const Model global = *initial_model(job, {2}, {});
  const auto trained = train({job, 1, global, data, 7, 1, {}, {}, {}});
  ASSERT_TRUE(trained) << trained.error().message;
  Model model = global;
  for (std::size_t i = 0; i < 3; ++i) model.values[i] += trained->update.values[i];
  const auto counts = evaluate(job, model, data, 1, {});
  ASSERT_TRUE(counts);
  EXPECT_GT(counts->correct, 900u);
}

TEST(PrivateTraining, FedProxPullsTheNoisySteps) {
  JobSpec job = private_job(1, 1);
  job.train.algorithm = choose(client_algorithms(), "fedprox", {{"mu", 1.9}});
  job.train.steps = 50;
  const ExampleSet data = empty_inputs(40);
  const Model global = *initial_model(job, {kInputs}, {});
  const auto trained = train({job, 1, global, data, 7, 1, {}, {}, {}});
  ASSERT_TRUE(trained) << trained.error().message;
  // Each step leaves 1 - rate * mu of the way from the global model: a geometric series.
  const double keeps = 1 - kRate * 1.9;
  expect_noise(*trained, kRate / 4 / std::sqrt(1 - keeps * keeps));
}

}  // namespace
}  // namespace tributary
