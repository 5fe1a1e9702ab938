// SPDX-License-Identifier: Apache-2.0
// What a job may say of a site's training, against formulas written out here in float64. No Torch
// in this file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "client/learning/class_weights.h"
#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

using Reals = std::vector<double>;

constexpr std::size_t kFeatures = 3;

ExampleSet rows_of_classes(std::int64_t rows, std::uint64_t classes, std::uint64_t seed) {
  SeededRandom random(seed);
  ExampleSet data{{kFeatures}, rows, {}, {}, {}};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < kFeatures; ++k)
      data.inputs.push_back(static_cast<float>(random.normal()));
    // The first class is common, the last is rare.
    const std::uint64_t drawn = random.uniform_below(classes * classes);
    data.labels.push_back(static_cast<std::int64_t>(std::min(drawn, classes - 1)));
  }
  return data;
}

// Of a dense layer without hidden ones: [outputs, features], then [outputs].
class Options : public testing::Test {
 protected:
  Options() {
    job_.model = {"logistic", {}};
    job_.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 0.5}});
    job_.train.batch_size = 0;
    job_.train.epochs = 6;
    set_classes(2);
  }
  void set_classes(std::int64_t classes) {
    job_.data.target = classes == 2 ? TargetKind::kBinary : TargetKind::kClasses;
    job_.data.classes = classes;
    outputs_ = classes == 2 ? 1 : static_cast<std::size_t>(classes);
    data_ = rows_of_classes(40, static_cast<std::uint64_t>(classes), 5);
    global_ = *initial_model(job_, {kFeatures}, {});
  }
  double output(const Reals& model, std::size_t row, std::size_t of) const {
    double z = model[outputs_ * kFeatures + of];
    for (std::size_t k = 0; k < kFeatures; ++k)
      z += model[of * kFeatures + k] * static_cast<double>(data_.inputs[row * kFeatures + k]);
    return z;
  }
  // Of the weighted mean of the losses, sum(w l) / sum(w).
  Reals gradient(const Reals& model, const Reals& weights = {}) const {
    Reals sum(model.size(), 0.0);
    double all = 0.0;
    for (std::size_t row = 0; row < data_.labels.size(); ++row) {
      const auto label = static_cast<std::size_t>(data_.labels[row]);
      const double weight = weights.empty() ? 1.0 : weights[label];
      all += weight;
      double normal = 0.0;
      for (std::size_t of = 0; of < outputs_; ++of) normal += std::exp(output(model, row, of));
      for (std::size_t of = 0; of < outputs_; ++of) {
        const double z = output(model, row, of);
        const double error = outputs_ == 1 ? 1.0 / (1.0 + std::exp(-z)) - static_cast<double>(label)
                                           : std::exp(z) / normal - (of == label ? 1.0 : 0.0);
        for (std::size_t k = 0; k < kFeatures; ++k)
          sum[of * kFeatures + k] +=
              weight * error * static_cast<double>(data_.inputs[row * kFeatures + k]);
        sum[outputs_ * kFeatures + of] += weight * error;
      }
    }
    for (double& one : sum) one /= all;
    return sum;
  }
  TrainRequest request(RoundNumber round = 1) const {
    return {job_, round, global_, data_, 7, 1, {}, {}, {}};
  }
  using Step = std::function<void(Reals& model, int step)>;
  void expect_steps(const Step& reference, RoundNumber round = 1) {
    Reals model(global_.values.begin(), global_.values.end());
    const Reals start = model;
    for (int step = 1; step <= job_.train.epochs; ++step) reference(model, step);
    const auto trained = train(request(round));
    ASSERT_TRUE(trained) << trained.error().message;
    for (std::size_t i = 0; i < model.size(); ++i)
      EXPECT_NEAR(static_cast<double>(trained->update.values[i]), model[i] - start[i], 5e-6) << i;
  }

  JobSpec job_;
  std::size_t outputs_ = 1;
  ExampleSet data_;
  Model global_;
};

// torch.optim.RMSprop, step by step.
TEST_F(Options, RmsPropHasPyTorchsFormula) {
  for (const bool centered : {false, true}) {
    for (const double momentum : {0.0, 0.8}) {
      SCOPED_TRACE(centered);
      SCOPED_TRACE(momentum);
      job_.train.optimizer = choose(client_optimizers(), "rmsprop",
                                    {{"learning_rate", 0.02},
                                     {"alpha", 0.9},
                                     {"epsilon", 1e-3},
                                     {"momentum", momentum},
                                     {"weight_decay", 0.05},
                                     {"centered", centered}});
      const std::size_t values = global_.values.size();
      Reals square(values, 0.0), mean(values, 0.0), buffer(values, 0.0);
      expect_steps([&](Reals& model, int) {
        const Reals of_loss = gradient(model);
        for (std::size_t i = 0; i < values; ++i) {
          const double g = of_loss[i] + 0.05 * model[i];
          square[i] = 0.9 * square[i] + 0.1 * g * g;
          mean[i] = 0.9 * mean[i] + 0.1 * g;
          const double spread = centered ? square[i] - mean[i] * mean[i] : square[i];
          const double step = g / (std::sqrt(spread) + 1e-3);
          buffer[i] = momentum * buffer[i] + step;
          model[i] -= 0.02 * buffer[i];
        }
      });
    }
  }
}

TEST_F(Options, TheScheduleGoesOverTheRoundsOfTheJob) {
  job_.rounds.rounds = 10;
  const auto expect_factor = [this](RoundNumber round, double factor) {
    expect_steps(
        [&](Reals& model, int) {
          const Reals g = gradient(model);
          for (std::size_t i = 0; i < g.size(); ++i) model[i] -= 0.5 * factor * g[i];
        },
        round);
  };
  job_.train.schedule = {"exponential", {{"decay", 0.5}, {"warmup", std::int64_t{2}}}};
  expect_factor(1, 1.0 / 3);
  expect_factor(3, 1.0);
  expect_factor(6, 0.125);
  job_.train.schedule = {"cosine", {{"minimum", 0.0}, {"warmup", std::int64_t{0}}}};
  expect_factor(6, 0.5);
}

// The gradient as one vector, and before the client algorithm adds to it.
TEST_F(Options, AGradientIsCutToItsNormBeforeTheAlgorithmSeesIt) {
  job_.train.algorithm = choose(client_algorithms(), "fedprox", {{"mu", 0.7}});
  job_.train.clip_norm = 0.05;
  int cut = 0;
  const Reals start(global_.values.begin(), global_.values.end());
  expect_steps([&](Reals& model, int) {
    const Reals g = gradient(model);
    double squares = 0.0;
    for (const double one : g) squares += one * one;
    const double factor = std::min(1.0, 0.05 / std::sqrt(squares));
    cut += factor < 1.0 ? 1 : 0;
    for (std::size_t i = 0; i < g.size(); ++i)
      model[i] -= 0.5 * (factor * g[i] + 0.7 * (model[i] - start[i]));
  });
  EXPECT_GT(cut, 0) << "or there is nothing to see";
  job_.train.algorithm = {"fedavg", {}};
  job_.train.clip_norm = 1e3;
  expect_steps([&](Reals& model, int) {
    const Reals g = gradient(model);
    for (std::size_t i = 0; i < g.size(); ++i) model[i] -= 0.5 * g[i];
  });
}

TEST_F(Options, ClassesWeighAsTheJobSays) {
  for (const std::int64_t classes : {2, 4}) {
    SCOPED_TRACE(classes);
    set_classes(classes);
    Reals weights;
    for (std::int64_t c = 0; c < classes; ++c)
      weights.push_back(0.3 + 1.1 * static_cast<double>(c));
    job_.train.class_weights = {false, weights};
    const auto weighed = [&](Reals& model, int) {
      const Reals g = gradient(model, weights);
      for (std::size_t i = 0; i < g.size(); ++i) model[i] -= 0.5 * g[i];
    };
    expect_steps(weighed);
    const auto counts = evaluate(job_, global_, data_, 1, {});
    job_.train.class_weights = {};
    EXPECT_EQ(*counts, *evaluate(job_, global_, data_, 1, {})) << "evaluations stay as they are";
    std::vector<double> labels(static_cast<std::size_t>(classes), 0.0);
    for (const std::int64_t label : data_.labels) labels[static_cast<std::size_t>(label)] += 1.0;
    weights.clear();
    for (const double one : labels) weights.push_back(40.0 / (static_cast<double>(classes) * one));
    job_.train.class_weights = {true, {}};
    expect_steps(weighed);
    job_.train.class_weights = {};
  }
}

TEST_F(Options, ABalanceIsOfTheSitesOwnRowsAndPlacesWithoutALabelCountForNothing) {
  set_classes(4);
  job_.train.class_weights.balanced = true;
  data_.labels = {0, 0, 0, -1, 1, 2, -1, 1, 1};
  EXPECT_THAT(class_weights_at(job_, data_),
              testing::ElementsAre(7.0 / 12, 7.0 / 12, 7.0 / 4, 0.0));
}

// Passes with the same seed are the same passes, however many follow: so the weights behind each
// come from a training of that many.
class LocalStopping : public Options {
 protected:
  LocalStopping() {
    job_.model = choose(model_families(), "mlp", {{"hidden", std::vector<std::int64_t>{24}}});
    job_.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 0.8}});
    job_.train.batch_size = 8;
    set_classes(2);
    SeededRandom random(8);
    for (std::int64_t& label : data_.labels)
      label = static_cast<std::int64_t>(random.uniform_below(2));  // nothing to learn but by heart
    validation_ = rows_of_classes(60, 2, 9);
    for (std::size_t row = 0; row < 60; ++row)
      validation_.labels[row] = validation_.inputs[row * kFeatures] > 0.0F ? 1 : 0;
  }
  Result<TrainOutput> passes(std::int64_t epochs, std::int64_t patience = 0) {
    JobSpec job = job_;
    job.train.epochs = epochs;
    if (patience > 0) job.train.local_stop.emplace().patience = patience;
    TrainRequest request{job, 1, global_, data_, 7, 1, {}, {}, {}};
    request.validation = &validation_;
    return train(request);
  }
  double loss_of(const TrainOutput& trained) {
    Model model = global_;
    for (std::size_t i = 0; i < model.values.size(); ++i)
      model.values[i] += trained.update.values[i];
    return figures_of(*evaluate(job_, model, validation_, 1, {})).loss;
  }

  ExampleSet validation_;
};

TEST_F(LocalStopping, TheWeightsOfTheBestPassGo) {
  constexpr std::int64_t kPasses = 12;
  std::vector<TrainOutput> behind;
  Reals losses;
  for (std::int64_t epochs = 1; epochs <= kPasses; ++epochs) {
    behind.push_back(*passes(epochs));
    losses.push_back(loss_of(behind.back()));
    EXPECT_EQ(behind.back().kept_batches, 0u);
    EXPECT_EQ(behind.back().rows, static_cast<std::uint64_t>(40 * epochs));
  }
  int stopped_early = 0, kept_later = 0;
  for (const std::int64_t patience : {1, 2, 3, 20}) {
    SCOPED_TRACE(patience);
    std::size_t best = 0, last = 0;
    for (std::size_t pass = 0; pass < losses.size(); ++pass) {
      last = pass;
      if (losses[pass] < losses[best]) best = pass;
      if (pass - best >= static_cast<std::size_t>(patience)) break;
    }
    const auto trained = passes(kPasses, patience);
    ASSERT_TRUE(trained) << trained.error().message;
    EXPECT_EQ(trained->update, behind[best].update);
    EXPECT_NEAR(trained->train_loss, behind[best].train_loss, 1e-12);
    EXPECT_NEAR(trained->kept_loss, losses[best], 1e-6);
    EXPECT_EQ(trained->kept_batches, 5 * (best + 1));
    EXPECT_EQ(trained->batches, 5 * (last + 1));
    stopped_early += last + 1 < losses.size() ? 1 : 0;
    kept_later += best > 0 ? 1 : 0;
  }
  EXPECT_GT(stopped_early, 0);
  EXPECT_GT(kept_later, 0) << "or the first pass is the best for every patience";
}

TEST_F(LocalStopping, WithoutRowsToJudgeAllPassesAreTrained) {
  validation_ = {{kFeatures}, 0, {}, {}, {}};
  EXPECT_EQ(passes(5, 1)->update, passes(5)->update);
  EXPECT_EQ(passes(5, 1)->kept_batches, 0u);
}

}  // namespace
}  // namespace tributary
