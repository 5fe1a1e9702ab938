// SPDX-License-Identifier: Apache-2.0
#include "client/policy/told_figures.h"

#include <gtest/gtest.h>

#include <numeric>

#include "common/base/limits.h"

namespace tributary {
namespace {

// 100 rows, 60 of them positive, each with a score of its own.
EvaluationCounts usual_counts() {
  EvaluationCounts counts;
  counts.examples = 100;
  counts.loss_units = static_cast<std::int64_t>(100 * 0.123456 / kLossUnit);
  counts.correct = 80;
  counts.classes = {{50, 10, 10}};
  counts.positives.resize(limits::kScoreBins);
  counts.negatives.resize(limits::kScoreBins);
  for (std::size_t i = 0; i < 60; ++i) ++counts.positives[2000 + 30 * i];
  for (std::size_t i = 0; i < 40; ++i) ++counts.negatives[1000 + 30 * i];
  return counts;
}

std::uint64_t sum(const std::vector<std::uint64_t>& bins) {
  return std::accumulate(bins.begin(), bins.end(), std::uint64_t{0});
}

TEST(ToldFigures, WithoutARuleAllIsToldAsItIs) {
  EvaluationCounts counts = usual_counts();
  tell_less({}, counts);
  EXPECT_EQ(counts, usual_counts());
}

TEST(ToldFigures, LossesAndNormsAreRounded) {
  EvaluationCounts counts = usual_counts();
  tell_less({.decimals = 2}, counts);
  EXPECT_NEAR(figures_of(counts).loss, 0.12, 1e-6);
  TrainResult result;
  result.train_loss = 0.98765;
  result.update_norm = 123.456;
  tell_less({.decimals = 2}, result);
  EXPECT_DOUBLE_EQ(result.train_loss, 0.99);
  EXPECT_DOUBLE_EQ(result.update_norm, 123.46);
}

TEST(ToldFigures, CountsOfAFigureThatMayNotLeaveDoNot) {
  for (const std::vector<std::string>& allowed :
       std::vector<std::vector<std::string>>{{}, {"loss"}, {"loss", "accuracy", "f1"}}) {
    EvaluationCounts counts = usual_counts();
    tell_less({.metrics = allowed}, counts);
    EXPECT_EQ(counts, EvaluationCounts{}) << allowed.size();
  }
  EvaluationCounts counts = usual_counts();
  tell_less({.metrics = {{"loss", "accuracy", "auc", "f1"}}}, counts);
  EXPECT_EQ(counts, usual_counts());
  TrainResult result;
  result.train_loss = 0.5;
  tell_less({.metrics = {{"auc"}}}, result);
  EXPECT_EQ(result.train_loss, 0.0);
}

TEST(ToldFigures, ASmallCountTakesTheWholeEvaluationWithIt) {
  EvaluationCounts counts = usual_counts();
  tell_less({.min_count = 10}, counts);
  EXPECT_EQ(counts.examples, 100u);
  tell_less({.min_count = 11}, counts);
  EXPECT_EQ(counts, EvaluationCounts{}) << "10 false positives";
}

TEST(ToldFigures, BinsOfScoresAreJoinedUntilNoneIsSmall) {
  EvaluationCounts counts = usual_counts();
  const double area = *figures_of(counts).auc;
  tell_less({.min_count = 10}, counts);
  ASSERT_TRUE(validate_counts(counts));
  EXPECT_EQ(sum(counts.positives), 60u);
  EXPECT_EQ(sum(counts.negatives), 40u);
  for (std::size_t i = 0; i < counts.positives.size(); ++i) {
    EXPECT_TRUE(counts.positives[i] == 0 || counts.positives[i] >= 10) << i;
    EXPECT_TRUE(counts.negatives[i] == 0 || counts.negatives[i] >= 10) << i;
  }
  EXPECT_NEAR(*figures_of(counts).auc, area, 0.1);
}

// Three classes, 100 labels of which 80 are hit; the smallest confusion is of 5.
EvaluationCounts counts_of_classes() {
  EvaluationCounts counts;
  counts.examples = 100;
  counts.correct = 80;
  counts.classes = {{40, 10, 5}, {20, 5, 10}, {20, 5, 5}};
  counts.confusion = {40, 5, 0, 5, 20, 5, 5, 0, 20};
  counts.positives.resize(limits::kConfidenceBins);
  counts.negatives.resize(limits::kConfidenceBins);
  for (std::size_t i = 0; i < 16; ++i) counts.positives[16 + i] = 5;
  for (std::size_t i = 0; i < 10; ++i) counts.negatives[10 + i] = 2;
  return counts;
}

TEST(ToldFigures, PartsThatMayNotLeaveStayAloneAndTheRestGoes) {
  EvaluationCounts counts = counts_of_classes();
  ASSERT_TRUE(validate_counts(counts)) << validate_counts(counts).error().message;
  tell_less({.metrics = {{"loss", "accuracy", "f1"}}}, counts);
  EXPECT_EQ(counts.classes, counts_of_classes().classes);
  EXPECT_TRUE(counts.confusion.empty());
  EXPECT_TRUE(counts.positives.empty() && counts.negatives.empty());
  counts = counts_of_classes();
  tell_less({.metrics = {{"loss", "accuracy", "f1", "confusion", "calibration"}}}, counts);
  EXPECT_EQ(counts, counts_of_classes());
  EvaluationCounts measured;
  measured.examples = 10;
  measured.measured = {7, 8, 9, 10, 10};
  counts = measured;
  tell_less({.metrics = {{"loss", "r2"}}}, counts);
  EXPECT_EQ(counts.measured, (MeasuredSums{0, 8, 9, 0, 10}));
  counts = measured;
  tell_less({.metrics = {{"loss", "mae"}}}, counts);
  EXPECT_EQ(counts.measured, (MeasuredSums{7, 0, 0, 10, 0}));
  counts = {};
  counts.examples = counts.places = 4;
  counts.correct = 1;
  counts.ngrams = {4, 3, 2, 1, 4, 3, 2, 1, 4, 4};
  EvaluationCounts told = counts;
  tell_less({.metrics = {{"loss", "accuracy"}}}, told);
  EXPECT_EQ(told.correct, 1u);
  EXPECT_TRUE(told.ngrams.empty());
  tell_less({.metrics = {{"loss"}}}, counts);
  EXPECT_EQ(counts, EvaluationCounts{}) << "how many tokens are hit is an accuracy";
}

TEST(ToldFigures, ASmallConfusionStaysAndBinsOfConfidenceAreJoined) {
  EvaluationCounts counts = counts_of_classes();
  tell_less({.min_count = 5}, counts);
  EXPECT_EQ(counts.confusion, counts_of_classes().confusion);
  ASSERT_TRUE(validate_counts(counts)) << validate_counts(counts).error().message;
  EXPECT_EQ(sum(counts.positives), 80u);
  EXPECT_EQ(sum(counts.negatives), 20u);
  for (std::size_t i = 0; i < counts.negatives.size(); ++i)
    EXPECT_TRUE(counts.negatives[i] == 0 || counts.negatives[i] >= 5) << i;
  counts = counts_of_classes();
  counts.classes = {{40, 8, 6}, {20, 6, 8}, {20, 6, 6}};
  counts.confusion = {40, 5, 1, 3, 20, 5, 5, 1, 20};
  ASSERT_TRUE(validate_counts(counts)) << validate_counts(counts).error().message;
  tell_less({.min_count = 5}, counts);
  EXPECT_EQ(counts.examples, 100u);
  EXPECT_TRUE(counts.confusion.empty());
}

// Pixels are more than pictures.
TEST(ToldFigures, OfLabelsAtPlacesTheLabelsAreCounted) {
  EvaluationCounts counts;
  counts.examples = 10;
  counts.places = 1000;
  counts.correct = 995;
  counts.classes = {{600, 0, 5}, {395, 5, 0}};
  ASSERT_TRUE(validate_counts(counts));
  EvaluationCounts told = counts;
  tell_less({.min_count = 6}, told);
  EXPECT_EQ(told, EvaluationCounts{}) << "five misses";
  tell_less({.decimals = 2, .min_count = 5}, counts);
  EXPECT_EQ(counts.correct, 995u);
}

TEST(ToldFigures, RareWordsAndColumnsOfFewValuesAreNotTold) {
  DataSummary summary;
  summary.training_rows = 100;
  summary.categories["ward"] = {{"a", 90}, {"b", 9}};
  summary.numeric["age"].count = 100;
  summary.numeric["rare"].count = 3;
  tell_less({.min_count = 10}, summary);
  EXPECT_EQ(summary.categories["ward"].size(), 1u);
  EXPECT_TRUE(summary.numeric.contains("age"));
  EXPECT_FALSE(summary.numeric.contains("rare"));
}

TEST(ToldFigures, OfRowsThatAreToStayPrivateOnlyTheirNumberIsTold) {
  DataSummary summary;
  summary.training_rows = 100;
  summary.validation_rows = 20;
  summary.categories["ward"] = {{"a", 90}};
  summary.numeric["age"].count = 100;
  JobSpec job;
  tell_less(job, summary);
  EXPECT_EQ(summary.categories.size() + summary.numeric.size(), 2u);
  job.privacy.records.emplace();
  tell_less(job, summary);
  EXPECT_EQ(summary.categories.size() + summary.numeric.size(), 0u);
  EXPECT_EQ(summary.training_rows, 100u);
  EXPECT_EQ(summary.validation_rows, 20u);
}

}  // namespace
}  // namespace tributary
