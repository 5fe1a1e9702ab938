// SPDX-License-Identifier: Apache-2.0
// Training and evaluation against formulas written out here in float64. No Torch in this file.
#include "client/learning/learner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/base/random_source.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

using testing::HasSubstr;

JobSpec logistic_job() {
  JobSpec job;
  job.model = {"logistic", {}};
  job.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 0.5}});
  job.train.batch_size = 0;  // all rows: the order does not matter
  return job;
}

ExampleSet examples(std::int64_t rows, std::uint64_t seed) {
  SeededRandom random(seed);
  ExampleSet data{{3}, rows, {}, {}, {}};
  for (std::int64_t i = 0; i < rows; ++i) {
    double sum = 0;
    for (int k = 0; k < 3; ++k) {
      data.inputs.push_back(static_cast<float>(random.normal()));
      sum += static_cast<double>(data.inputs.back()) * (k + 1);
    }
    data.labels.push_back(sum + random.normal() > 0 ? 1 : 0);
  }
  return data;
}

// Weights, then bias: the layout of a dense layer of one output.
double logit(const std::vector<double>& model, const ExampleSet& data, std::size_t row) {
  double z = model[3];
  for (std::size_t k = 0; k < 3; ++k) z += model[k] * static_cast<double>(data.inputs[row * 3 + k]);
  return z;
}

std::vector<double> gradient(const std::vector<double>& model, const ExampleSet& data) {
  std::vector<double> sum(4, 0.0);
  for (std::size_t row = 0; row < data.labels.size(); ++row) {
    const double error =
        1.0 / (1.0 + std::exp(-logit(model, data, row))) - static_cast<double>(data.labels[row]);
    for (std::size_t k = 0; k < 3; ++k)
      sum[k] += error * static_cast<double>(data.inputs[row * 3 + k]);
    sum[3] += error;
  }
  for (double& one : sum) one /= static_cast<double>(data.labels.size());
  return sum;
}

Result<TrainOutput> train_once(const JobSpec& job, const Model& global, const ExampleSet& data) {
  return train(TrainRequest{job, 1, global, data, 7, 1, {}, {}, {}});
}

using Step =
    std::function<void(std::vector<double>& model, const std::vector<double>& gradient, int step)>;

// Trains `epochs` full-batch steps and compares with the reference step by step formula.
void expect_steps(JobSpec job, const Step& reference) {
  job.train.epochs = 6;
  const ExampleSet data = examples(40, 1);
  const Model global = *initial_model(job, {3}, {});
  ASSERT_EQ(global.values.size(), 4u);
  std::vector<double> model(global.values.begin(), global.values.end());
  const std::vector<double> start = model;
  for (int step = 1; step <= 6; ++step) reference(model, gradient(model, data), step);
  const auto trained = train_once(job, global, data);
  ASSERT_TRUE(trained) << trained.error().message;
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(static_cast<double>(trained->update.values[i]), model[i] - start[i], 2e-6)
        << job.train.optimizer.name << " " << i;
  }
  EXPECT_EQ(trained->examples, 40u);
}

TEST(Learner, SgdWithMomentumAndDecay) {
  JobSpec job = logistic_job();
  expect_steps(job, [](auto& model, const auto& g, int) {
    for (std::size_t i = 0; i < 4; ++i) model[i] -= 0.5 * g[i];
  });
  job.train.optimizer = choose(client_optimizers(), "sgd",
                               {{"learning_rate", 0.1}, {"momentum", 0.9}, {"weight_decay", 0.01}});
  std::vector<double> velocity(4, 0.0);
  expect_steps(job, [&velocity](auto& model, const auto& g, int) {
    for (std::size_t i = 0; i < 4; ++i) {
      velocity[i] = 0.9 * velocity[i] + g[i] + 0.01 * model[i];
      model[i] -= 0.1 * velocity[i];
    }
  });
}

TEST(Learner, AdamAndAdamW) {
  for (const bool decoupled : {false, true}) {
    JobSpec job = logistic_job();
    job.train.optimizer = choose(client_optimizers(), decoupled ? "adamw" : "adam",
                                 {{"learning_rate", 0.05}, {"weight_decay", 0.1}});
    std::vector<double> mean(4, 0.0), square(4, 0.0);
    expect_steps(job, [&](auto& model, const auto& g, int step) {
      for (std::size_t i = 0; i < 4; ++i) {
        const double gradient = decoupled ? g[i] : g[i] + 0.1 * model[i];
        if (decoupled) model[i] -= 0.05 * 0.1 * model[i];
        mean[i] = 0.9 * mean[i] + 0.1 * gradient;
        square[i] = 0.999 * square[i] + 0.001 * gradient * gradient;
        const double m = mean[i] / (1 - std::pow(0.9, step)),
                     v = square[i] / (1 - std::pow(0.999, step));
        model[i] -= 0.05 * m / (std::sqrt(v) + 1e-8);
      }
    });
  }
}

TEST(Learner, FedProxPullsToTheGlobalModel) {
  JobSpec job = logistic_job();
  job.train.algorithm = choose(client_algorithms(), "fedprox", {{"mu", 0.7}});
  std::vector<double> global;
  expect_steps(job, [&global](auto& model, const auto& g, int step) {
    if (step == 1) global = model;
    for (std::size_t i = 0; i < 4; ++i) model[i] -= 0.5 * (g[i] + 0.7 * (model[i] - global[i]));
  });
}

TEST(Learner, CountsWhatAPersonWouldCount) {
  const JobSpec job = logistic_job();
  const ExampleSet data = examples(100, 3);
  Model model = *initial_model(job, {3}, {});
  model.values = {1.0f, 2.0f, 3.0f, 0.1f};
  const auto counts = evaluate(job, model, data, 1, {});
  ASSERT_TRUE(counts);
  const std::vector<double> reference = {1.0, 2.0, 3.0, static_cast<double>(0.1f)};
  double loss = 0;
  std::uint64_t correct = 0;
  for (std::size_t row = 0; row < 100; ++row) {
    const double z = logit(reference, data, row);
    loss += data.labels[row] == 1 ? std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
    correct += (z > 0) == (data.labels[row] == 1) ? 1u : 0u;
  }
  EXPECT_EQ(counts->examples, 100u);
  EXPECT_EQ(counts->correct, correct);
  EXPECT_NEAR(figures_of(*counts).loss, loss / 100, 1e-5);
  EXPECT_TRUE(validate_counts(*counts));
}

TEST(Learner, TheSameSeedGivesTheSameBitsAndAnotherNot) {
  JobSpec job = logistic_job();
  job.model =
      choose(model_families(), "mlp", {{"hidden", std::vector<std::int64_t>{5}}, {"dropout", 0.3}});
  job.train.batch_size = 8;
  const ExampleSet data = examples(50, 2);
  const Model global = *initial_model(job, {3}, {});
  EXPECT_EQ(*initial_model(job, {3}, {}), global);
  EXPECT_EQ(train_once(job, global, data)->update, train_once(job, global, data)->update);
  job.seed = 2;
  EXPECT_NE(initial_model(job, {3}, {})->values, global.values);
}

// McMahan et al. 2017: the 2NN has 199,210 parameters, the CNN 1,663,370.
TEST(Learner, TheModelsOfThePaperHaveTheirSizes) {
  JobSpec job = logistic_job();
  job.data.target = TargetKind::kClasses;
  job.data.classes = 10;
  job.model = choose(model_families(), "mlp", {{"hidden", std::vector<std::int64_t>{200, 200}}});
  EXPECT_EQ(initial_model(job, {1, 28, 28}, {})->values.size(), 199'210u);
  job.model = choose(model_families(), "cnn",
                     {{"channels", std::vector<std::int64_t>{32, 64}},
                      {"kernel", std::int64_t{5}},
                      {"dense", std::vector<std::int64_t>{512}}});
  EXPECT_EQ(initial_model(job, {1, 28, 28}, {})->values.size(), 1'663'370u);
}

TEST(Learner, FaultsAreErrorsAndNeverUpdates) {
  JobSpec job = logistic_job();
  const ExampleSet data = examples(40, 1);
  const Model global = *initial_model(job, {3}, {});
  Model poisoned = global;
  poisoned.values[0] = NAN;
  EXPECT_FALSE(train_once(job, poisoned, data));
  ExampleSet odd = data;
  odd.labels[3] = 7;
  EXPECT_FALSE(train_once(job, global, odd));
  EXPECT_FALSE(train_once(job, global, ExampleSet{{3}, 0, {}, {}, {}}));
  const auto stopped = train(TrainRequest{job, 1, global, data, 7, 1, [] { return true; }, {}, {}});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  job.model.name = "perceptron";
  EXPECT_THAT(initial_model(job, {3}, {}).error().message, HasSubstr("perceptron"));
}

}  // namespace
}  // namespace tributary
