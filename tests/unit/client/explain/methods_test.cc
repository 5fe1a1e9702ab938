// SPDX-License-Identifier: Apache-2.0
// Methods that need no pictures, against formulas in float64.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "client/learning/learner.h"
#include "tests/support/plugin_choice.h"
#include "tests/unit/client/explain/subjects.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr std::size_t kWidth = 4;

JobSpec logistic_job() {
  JobSpec job;
  job.model = {"logistic", {}};
  return job;
}

// Weights, then the bias.
std::vector<double> weights_of(const Model& model) {
  return {model.values.begin(), model.values.begin() + kWidth};
}

struct Linear {
  JobSpec job = logistic_job();
  Model model = *initial_model(job, {kWidth}, {});
  std::vector<double> weights = weights_of(model);
  std::unique_ptr<ModelProbe> probe = *probe_model(job, model, {kWidth}, 1, {});
  ExampleSet rows = normal_rows(6, kWidth, 1);
  ExampleSet background = normal_rows(9, kWidth, 2);
  Features features = single_features(kWidth);

  Subject subject(Baseline baseline = Baseline::kZeros) {
    Subject made{*probe, job, features, rows, background, first_outputs(rows), {}};
    made.options.baseline = baseline;
    return made;
  }
};

TEST(Methods, TheGradientOfALinearModelIsItsWeights) {
  Linear linear;
  for (const char* method : {"saliency", "smooth_grad"}) {
    const Explanation found = explained(method, linear.subject());
    for (std::size_t i = 0; i < found.values.size(); ++i)
      EXPECT_NEAR(found.values[i], std::abs(linear.weights[i % kWidth]), 1e-6) << method;
  }
}

TEST(Methods, OfALinearModelEachInputAddsItsWeightTimesItsWay) {
  Linear linear;
  for (const Baseline baseline : {Baseline::kZeros, Baseline::kMean}) {
    std::vector<double> from(kWidth, 0.0);
    for (std::size_t row = 0; baseline == Baseline::kMean && row < 9; ++row) {
      for (std::size_t i = 0; i < kWidth; ++i) from[i] += at(linear.background, row, i) / 9.0;
    }
    for (const char* method : {"integrated_gradients", "occlusion"}) {
      const Explanation found = explained(method, linear.subject(baseline));
      for (std::size_t row = 0; row < 6; ++row) {
        for (std::size_t i = 0; i < kWidth; ++i) {
          EXPECT_NEAR(found.values[row * kWidth + i],
                      linear.weights[i] * (at(linear.rows, row, i) - from[i]), 2e-6)
              << method << " " << row << " " << i;
        }
      }
    }
  }
}

// Completeness, of a model with kinks; the error that is told is the one there is.
TEST(Methods, IntegratedGradientsAddUpToWhatTheOutputMovedBy) {
  JobSpec job;
  job.model = choose(model_families(), "mlp", {{"hidden", std::vector<std::int64_t>{24, 12}}});
  job.data.target = TargetKind::kClasses;
  job.data.classes = 3;
  Model model = *initial_model(job, {kWidth}, {});
  for (float& value : model.values) value *= 2.0F;
  const auto probe = *probe_model(job, model, {kWidth}, 1, {});
  const ExampleSet rows = normal_rows(20, kWidth, 1), background = normal_rows(9, kWidth, 2);
  const Features features = single_features(kWidth);
  const auto wanted = *outputs_to_explain(*probe, rows);
  EXPECT_GT(std::ranges::max(wanted), std::ranges::min(wanted)) << "rows of several classes";
  Subject subject{*probe, job, features, rows, background, wanted, {}};
  subject.options.steps = 256;
  const Explanation found = explained("integrated_gradients", subject);
  const auto ends = wanted_of(subject, *probe->outputs(rows.inputs));
  const auto start = *probe->outputs(std::vector<float>(kWidth, 0.0F));
  double off = 0.0, moved = 0.0;
  for (std::size_t row = 0; row < 20; ++row) {
    const double way =
        ends[row] - static_cast<double>(start[static_cast<std::size_t>(wanted[row])]);
    double sum = 0.0;
    for (std::size_t i = 0; i < kWidth; ++i) sum += found.values[row * kWidth + i];
    off = std::max(off, std::abs(sum - way));
    moved = std::max(moved, std::abs(way));
  }
  EXPECT_GT(moved, 0.3);
  EXPECT_LT(off, 0.005 * moved);
  EXPECT_NEAR(*found.sum_error, off, 1e-6);
}

// Of |x| the mean gradient at noisy copies is erf(x / (deviation sqrt 2)); its own is 1.
TEST(Methods, SmoothGradIsTheMeanOverNoisyCopies) {
  FunctionProbe probe(
      2, [](Point x) { return std::abs(static_cast<double>(x[0])); },
      [](Point x) {
        return std::vector<double>{x[0] < 0.0F ? -1.0 : 1.0, 0.0};
      });
  const ExampleSet rows{{2}, 3, {0.0F, 0.0F, 0.1F, 0.0F, 1.0F, 0.0F}, {}, {}};
  const Features features = single_features(2);
  const JobSpec job;
  Subject subject{probe, job, features, rows, rows, first_outputs(rows), {}};
  subject.options.noise = 0.2;  // of a range of 1
  subject.options.samples = 4'000;
  const Explanation found = explained("smooth_grad", subject);
  for (std::size_t row = 0; row < 3; ++row) {
    EXPECT_NEAR(found.values[2 * row], std::erf(at(rows, row, 0) / (0.2 * std::sqrt(2.0))), 0.06);
    EXPECT_EQ(found.values[2 * row + 1], 0.0);
    EXPECT_EQ(explained("saliency", subject).values[2 * row], 1.0);
  }
}

// The mean over all permutations: each row meets each row's value equally often.
double expected_rise(const ExampleSet& rows, const FunctionProbe::Function& function,
                     std::size_t feature) {
  const auto count = static_cast<std::size_t>(rows.rows);
  double before = 0.0, after = 0.0;
  for (std::size_t row = 0; row < count; ++row) {
    std::vector<float> x(rows.inputs.begin() + static_cast<std::ptrdiff_t>(row * kWidth),
                         rows.inputs.begin() + static_cast<std::ptrdiff_t>((row + 1) * kWidth));
    const double target = static_cast<double>(rows.targets[row]);
    before += std::pow(function(x) - target, 2) / static_cast<double>(count);
    for (std::size_t other = 0; other < count; ++other) {
      x[feature] = rows.inputs[other * kWidth + feature];
      after += std::pow(function(x) - target, 2) / static_cast<double>(count * count);
    }
  }
  return after - before;
}

TEST(Methods, PermutationIsWhatTheLossGainsAndNothingForAFeatureThatIsNotUsed) {
  const auto function = [](Point x) {
    return 2.0 * static_cast<double>(x[0]) - static_cast<double>(x[1]) * static_cast<double>(x[2]);
  };
  ExampleSet rows = normal_rows(40, kWidth, 5);
  SeededRandom random(6);
  for (std::size_t row = 0; row < 40; ++row) {
    const double noise = 0.3 * random.normal();
    rows.targets.push_back(
        static_cast<float>(function(std::span(rows.inputs).subspan(row * kWidth, kWidth)) + noise));
  }
  FunctionProbe probe(kWidth, function);
  const Features features = single_features(kWidth);
  JobSpec job;
  job.data.target = TargetKind::kRegression;
  Subject subject{probe, job, features, rows, rows, first_outputs(rows), {}};
  subject.options.repeats = 400;
  const Explanation found = explained("permutation", subject);
  ASSERT_EQ(found.entries, 400);
  for (std::size_t i = 0; i < kWidth; ++i) {
    double sum = 0.0, squares = 0.0;
    for (std::size_t repeat = 0; repeat < 400; ++repeat) {
      const double value = found.values[repeat * kWidth + i];
      sum += value / 400.0;
      squares += value * value / 400.0;
    }
    const double error = std::sqrt(std::max(0.0, squares - sum * sum) / 400.0);
    EXPECT_NEAR(sum, expected_rise(rows, function, i), 4.0 * error + 1e-6) << i;
    EXPECT_EQ(squares == 0.0, i == 3) << "what is not used, and that alone, costs nothing";
    EXPECT_EQ(sum > 4.0, i == 0);
  }
}

// A row of a category has one word, and so it stays.
TEST(Methods, TheColumnsOfACategoryMoveTogether) {
  DataSpec data;
  for (const char* name : {"age", "ward", "pulse"}) data.features.emplace_back().name = name;
  data.features[1].kind = FeatureKind::kCategorical;
  const DataPlan plan{{{"age", {}}, {"pulse", {}}}, {{"ward", {"A", "B", "C"}}}};
  const Features features = *features_of_inputs(data, plan, {5});
  EXPECT_EQ(features.names, (std::vector<std::string>{"age", "ward", "pulse"}));
  EXPECT_EQ(features.of_input, (std::vector<std::uint32_t>{0, 1, 1, 1, 2}));
  EXPECT_EQ(features_of_inputs(data, plan, {4, 5})->of_input.size(), 20u) << "windows of four rows";
  EXPECT_FALSE(features_of_inputs(data, plan, {6}));

  SeededRandom random(1);
  ExampleSet rows{{5}, 30, {}, {}, {}};
  for (int row = 0; row < 30; ++row) {
    std::vector<float> x = {static_cast<float>(random.normal()), 0.0F, 0.0F, 0.0F, 1.0F};
    x[1 + random.uniform_below(3)] = 1.0F;
    rows.inputs.insert(rows.inputs.end(), x.begin(), x.end());
    rows.labels.push_back(row % 2);
  }
  std::size_t broken = 0;
  FunctionProbe probe(5, [&broken](Point x) {
    broken += x[1] + x[2] + x[3] == 1.0F ? 0u : 1u;
    return static_cast<double>(x[0] + 2.0F * x[1] - x[2]);
  });
  const JobSpec job;
  const Subject subject{probe, job, features, rows, rows, first_outputs(rows), {}};
  for (const char* method : {"permutation", "shap"}) explained(method, subject);
  EXPECT_EQ(broken, 0u);
}

TEST(Methods, TheSameSeedGivesTheSameBits) {
  Linear linear;
  linear.rows.labels = {0, 1, 1, 0, 1, 0};
  linear.job.model = choose(model_families(), "mlp", {{"hidden", std::vector<std::int64_t>{8}}});
  linear.probe =
      *probe_model(linear.job, *initial_model(linear.job, {kWidth}, {}), {kWidth}, 1, {});
  for (const char* method : {"smooth_grad", "permutation", "shap"}) {
    Subject subject = linear.subject();
    subject.options.permutations = 6;
    const auto once = explained(method, subject).values;
    EXPECT_EQ(once, explained(method, subject).values) << method;
    subject.options.seed = 2;
    EXPECT_NE(once, explained(method, subject).values) << method;
  }
}

std::string refused(const char* method, const Subject& subject) {
  const auto found = explain_with(**find_explain_method(method), subject);
  return found ? "nothing was wrong" : found.error().message;
}

TEST(Methods, WhatCannotBeExplainedIsRefusedWithTheReason) {
  Linear linear;
  linear.rows.labels.assign(6, 1);
  EXPECT_THAT(refused("grad_cam", linear.subject()), HasSubstr("grad_cam is for pictures"));
  Subject subject = linear.subject();
  subject.options.score = "auc";
  EXPECT_THAT(refused("permutation", subject), HasSubstr("there is no auc of these rows"));
  EXPECT_THAT(find_explain_method("lime").error().message,
              HasSubstr("no method 'lime' of explaining; there are: saliency, "));

  JobSpec ids;
  ids.model = choose(model_families(), "embedding_bag", {{"vocabulary", std::int64_t{7}}});
  const auto probe = *probe_model(ids, *initial_model(ids, {kWidth}, {}), {kWidth}, 1, {});
  const ExampleSet texts{{kWidth}, 2, {1, 2, 0, 0, 3, 4, 5, 0}, {}, {}};
  const Subject of_ids{*probe, ids, linear.features, texts, texts, first_outputs(texts), {}};
  EXPECT_THAT(refused("saliency", of_ids), HasSubstr("ids of tokens"));
  EXPECT_EQ(refused("occlusion", of_ids), "nothing was wrong") << "0 is padding";

  JobSpec places;
  places.data.target = TargetKind::kSegmentation;
  EXPECT_THAT(probe_model(places, {}, {kWidth}, 1, {}).error().message,
              HasSubstr("one label of a row"));
}

TEST(Methods, AModelThatHasDivergedIsSaidToHave) {
  Linear linear;
  linear.model.values[0] = std::nanf("");
  const auto probe = *probe_model(linear.job, linear.model, {kWidth}, 1, {});
  EXPECT_THAT(outputs_to_explain(*probe, linear.rows).error().message,
              HasSubstr("not finite numbers"));
}

}  // namespace
}  // namespace tributary
