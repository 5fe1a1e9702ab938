// SPDX-License-Identifier: Apache-2.0
// Counts of raw outputs, and the figures that follow, against what the outputs say row by row.
#include "client/learning/scores.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/domain/counted_numbers.h"
#include "common/domain/figures.h"

namespace tributary {
namespace {

DataSpec data_of(TargetKind target, std::int64_t classes = 2) {
  DataSpec data;
  data.target = target;
  data.classes = classes;
  return data;
}

std::uint64_t sum_of(const std::vector<std::uint64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::vector<double> softmax(std::span<const float> logits) {
  std::vector<double> shares;
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  for (const float logit : logits) shares.push_back(std::exp(static_cast<double>(logit)) / sum);
  return shares;
}

TEST(Scores, OfClassesEveryConfusionAndConfidenceIsCounted) {
  constexpr std::size_t kClasses = 4, kRows = 2000;
  SeededRandom random(1);
  std::vector<float> outputs;
  std::vector<std::int64_t> labels;
  std::vector<std::uint64_t> confusion(kClasses * kClasses);
  double gaps[15] = {}, ece = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    labels.push_back(static_cast<std::int64_t>(random.uniform_below(kClasses)));
    for (std::size_t c = 0; c < kClasses; ++c) {
      const bool truth = c == static_cast<std::size_t>(labels.back());
      outputs.push_back(static_cast<float>(4 * random.normal() + (truth ? 3.0 : 0.0)));
    }
    const auto shares = softmax(std::span(outputs).last(kClasses));
    const auto best = std::ranges::max_element(shares);
    const auto named = static_cast<std::size_t>(best - shares.begin());
    const auto truth = static_cast<std::size_t>(labels.back());
    ++confusion[truth * kClasses + named];
    gaps[std::min(14, static_cast<int>(*best * 15))] += (truth == named ? 1.0 : 0.0) - *best;
  }
  for (const double gap : gaps) ece += std::abs(gap) / kRows;
  const DataSpec data = data_of(TargetKind::kClasses, kClasses);
  ScoreSheet sheet(data, kClasses);
  ASSERT_TRUE(sheet.add_classified(outputs, labels));
  const EvaluationCounts counts = *sheet.counts();
  EXPECT_EQ(counts.confusion, confusion);
  ASSERT_TRUE(validate_counts(counts)) << validate_counts(counts).error().message;
  ASSERT_TRUE(fits(counts, data));
  EXPECT_EQ(sum_of(counts.positives), counts.correct);
  EXPECT_EQ(sum_of(counts.negatives), kRows - counts.correct);
  EXPECT_GT(ece, 0.05) << "a model that is too sure";
  EXPECT_NEAR(figures_of(counts, data.target).others.at("ece"), ece, 0.01);
}

TEST(Scores, ManyClassesHaveNoConfusion) {
  const DataSpec data = data_of(TargetKind::kClasses, 65);
  ScoreSheet sheet(data, 65);
  std::vector<float> outputs(65, 0.0F);
  outputs[7] = 1.0F;
  ASSERT_TRUE(sheet.add_classified(outputs, std::vector<std::int64_t>{9}));
  const EvaluationCounts counts = *sheet.counts();
  EXPECT_TRUE(counts.confusion.empty());
  EXPECT_TRUE(validate_counts(counts));
  EXPECT_TRUE(fits(counts, data));
}

TEST(Scores, PlacesThatDoNotCountAreInNothing) {
  DataSpec data = data_of(TargetKind::kSegmentation, 2);
  data.target_shape = {2, 2};
  ScoreSheet sheet(data, 2);
  const std::vector<float> outputs = {2, 0, 0, 2, 0, 2, 2, 0};
  ASSERT_TRUE(sheet.add_classified(outputs, std::vector<std::int64_t>{0, 0, 1, -1}));
  const EvaluationCounts counts = *sheet.counts();
  EXPECT_EQ(counts.examples, 1u);
  EXPECT_EQ(counts.places, 3u);
  EXPECT_EQ(counts.confusion, (std::vector<std::uint64_t>{1, 1, 0, 1}));
  ASSERT_TRUE(validate_counts(counts));
  const EvaluationFigures figures = figures_of(counts, data.target);
  EXPECT_DOUBLE_EQ(figures.others.at("iou"), 0.5);
  EXPECT_DOUBLE_EQ(figures.others.at("dice"), 2.0 / 3);
}

TEST(Scores, OfARegressionErrorsAndTargetsAreSummed) {
  SeededRandom random(2);
  std::vector<float> outputs, targets;
  double absolute = 0, squares = 0, sum = 0, target_squares = 0;
  for (int i = 0; i < 500; ++i) {
    targets.push_back(static_cast<float>(3 * random.normal() - 1));
    outputs.push_back(targets.back() + static_cast<float>(random.normal()));
    const double error = static_cast<double>(outputs.back()) - static_cast<double>(targets.back());
    absolute += std::abs(error);
    squares += error * error;
    sum += static_cast<double>(targets.back());
    target_squares += static_cast<double>(targets.back()) * static_cast<double>(targets.back());
  }
  const DataSpec data = data_of(TargetKind::kRegression);
  ScoreSheet sheet(data, 1);
  ASSERT_TRUE(sheet.add_measured(outputs, targets));
  const EvaluationCounts counts = *sheet.counts();
  ASSERT_TRUE(validate_counts(counts));
  ASSERT_TRUE(fits(counts, data));
  const EvaluationFigures figures = figures_of(counts, data.target);
  const double variance = target_squares / 500 - sum / 500 * sum / 500;
  EXPECT_NEAR(figures.others.at("mae"), absolute / 500, 1e-7);
  EXPECT_NEAR(figures.others.at("r2"), 1 - squares / 500 / variance, 1e-6);
}

// House prices: their squares do not fit, and are no fault of the model.
TEST(Scores, TargetsTooLargeForTheirSumsAreNotTold) {
  const DataSpec data = data_of(TargetKind::kRegression);
  ScoreSheet sheet(data, 1);
  const std::vector<float> targets(1000, 500'000.0F), outputs(1000, 499'990.0F);
  ASSERT_TRUE(sheet.add_measured(outputs, targets));
  const EvaluationCounts counts = *sheet.counts();
  EXPECT_EQ(counts.measured.target_count, 0u);
  EXPECT_EQ(counts.measured.absolute_count, 1000u);
  EXPECT_TRUE(validate_counts(counts));
  const EvaluationFigures figures = figures_of(counts, data.target);
  EXPECT_DOUBLE_EQ(figures.others.at("mae"), 10.0);
  EXPECT_FALSE(figures.others.contains("r2"));
}

}  // namespace
}  // namespace tributary
