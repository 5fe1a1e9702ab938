// SPDX-License-Identifier: Apache-2.0
#include "common/domain/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>

#include "common/base/limits.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

EvaluationCounts binary() {
  EvaluationCounts counts;
  counts.classes.resize(1);
  counts.positives.resize(limits::kScoreBins);
  counts.negatives.resize(limits::kScoreBins);
  return counts;
}

TEST(Evaluation, AucIsThatOfAllPairs) {
  SeededRandom random(2);
  EvaluationCounts counts = binary();
  std::vector<std::pair<std::size_t, bool>> rows;
  for (int i = 0; i < 300; ++i) {
    const bool positive = random.uniform() < 0.3;
    const std::size_t bin =
        static_cast<std::size_t>(random.uniform_below(2000) + (positive ? 800 : 0));
    rows.emplace_back(bin, positive);
    ++(positive ? counts.positives : counts.negatives)[bin];
    ++counts.examples;
    (positive ? counts.classes[0].false_negatives : counts.correct) += 1;
  }
  double wins = 0, pairs = 0;
  for (const auto& [p_bin, p] : rows) {
    for (const auto& [n_bin, n] : rows) {
      if (!p || n) continue;
      wins += p_bin > n_bin ? 1.0 : p_bin == n_bin ? 0.5 : 0.0;
      ++pairs;
    }
  }
  ASSERT_TRUE(validate_counts(counts)) << validate_counts(counts).error().message;
  EXPECT_NEAR(*figures_of(counts).auc, wins / pairs, 1e-12);
}

TEST(Evaluation, ASumOfLossesOutOfRangeIsRefused) {
  EvaluationCounts sum;
  EvaluationCounts huge;
  huge.examples = 1;
  huge.loss_units = std::numeric_limits<std::int64_t>::max() - 1;
  EXPECT_TRUE(add_counts(sum, huge));
  EXPECT_FALSE(add_counts(sum, huge));
  EXPECT_EQ(sum.examples, 1u);
}

TEST(Evaluation, CountsAddInAnyOrderAndLiesAreRefused) {
  EvaluationCounts one = binary(), two = binary();
  one.examples = 2;
  one.correct = 1;
  one.loss_units = 100;
  one.classes[0] = {1, 1, 0};
  one.positives[5] = 1;
  one.negatives[9] = 1;
  two = one;
  two.loss_units = -7;
  EvaluationCounts ab = one, ba = two;
  ASSERT_TRUE(add_counts(ab, two));
  ASSERT_TRUE(add_counts(ba, one));
  EXPECT_EQ(ab, ba);
  EXPECT_EQ(figures_of(ab).examples, 4u);
  EvaluationCounts lie = one;
  lie.correct = 3;
  EXPECT_FALSE(validate_counts(lie));
  lie = one;
  lie.positives[5] = 9;
  EXPECT_FALSE(validate_counts(lie));
  EvaluationCounts other_shape = one;
  other_shape.classes.resize(3);
  EXPECT_FALSE(add_counts(ab, other_shape));
}

using Change = std::function<void(EvaluationCounts&)>;

// Each lie is one change of counts that are true, and is told by its own words.
void expect_refused(const EvaluationCounts& truth, const std::map<std::string, Change>& lies) {
  ASSERT_TRUE(validate_counts(truth)) << validate_counts(truth).error().message;
  for (const auto& [why, change] : lies) {
    EvaluationCounts lie = truth;
    change(lie);
    const Status valid = validate_counts(lie);
    ASSERT_FALSE(valid) << why;
    EXPECT_THAT(valid.error().message, testing::HasSubstr(why));
    EvaluationCounts sum = truth;
    EXPECT_FALSE(add_counts(sum, lie)) << why;
    EXPECT_EQ(sum, truth) << "a sum that refuses stays what it was";
  }
}

TEST(Evaluation, ClassesThatContradictTheirConfusionAreRefused) {
  EvaluationCounts counts;
  counts.examples = 20;
  counts.correct = 15;
  counts.classes = {{5, 2, 1}, {6, 1, 4}, {4, 2, 0}};
  counts.confusion = {5, 1, 0, 2, 6, 2, 0, 0, 4};
  counts.positives.resize(limits::kConfidenceBins);
  counts.negatives.resize(limits::kConfidenceBins);
  counts.positives[30] = 15;
  counts.negatives[20] = 5;
  expect_refused(
      counts,
      {{"the confusion is not one of their classes",
        [](EvaluationCounts& c) { c.confusion.pop_back(); }},
       {"the confusion says more of a class than its counts",
        [](EvaluationCounts& c) { std::swap(c.confusion[1], c.confusion[2]); }},
       {"a confusion is above the number of labels",
        [](EvaluationCounts& c) { c.confusion[8] = 1ull << 63; }},
       {"hits are not the correct ones", [](EvaluationCounts& c) { --c.correct; }},
       {"do not add up to the number of labels",
        [](EvaluationCounts& c) { c.classes[2].false_positives = 3; }},
       {"class counts are above", [](EvaluationCounts& c) { c.classes[0].false_negatives = 17; }},
       {"more hits or misses", [](EvaluationCounts& c) { c.positives[31] = 1; }},
       {"wrong number of bins", [](EvaluationCounts& c) { c.negatives.resize(15); }},
       {"bins of the score histogram are above",
        [](EvaluationCounts& c) { c.negatives[3] = c.negatives[4] = 1ull << 63; }}});
}

TEST(Evaluation, ScoresOfOtherRowsThanTheClassCountAreRefused) {
  EvaluationCounts counts = binary();
  counts.examples = 10;
  counts.correct = 7;
  counts.classes[0] = {4, 2, 1};
  counts.positives[3000] = 5;
  counts.negatives[1000] = 5;
  expect_refused(counts,
                 {{"other positives than the class count",
                   [](EvaluationCounts& c) {
                     c.positives[3000] = 4;
                     c.negatives[1000] = 6;
                   }},
                  {"does not add up to the number of examples",
                   [](EvaluationCounts& c) { c.negatives[1000] = 4; }},
                  {"class count does not add up", [](EvaluationCounts& c) { c.correct = 8; }}});
}

TEST(Evaluation, SumsThatNoTargetsHaveAreRefused) {
  EvaluationCounts counts;
  counts.examples = 4;
  counts.measured = {10, -4ll * 2 * (1 << 20), 4ll * 4 * (1 << 20), 4, 4};  // -2 each
  expect_refused(
      counts,
      {{"further from zero",
        [](EvaluationCounts& c) { c.measured.targets = -4ll * 5 * (1 << 20); }},
       {"below zero", [](EvaluationCounts& c) { c.measured.absolute_errors = -1; }},
       {"over more targets", [](EvaluationCounts& c) { c.measured.target_count = 5; }},
       {"sums over no targets", [](EvaluationCounts& c) { c.measured.absolute_count = 0; }}});
  EvaluationCounts huge = counts, sum = counts;
  huge.measured.target_squares = std::numeric_limits<std::int64_t>::max();
  EXPECT_FALSE(add_counts(sum, huge));
  EXPECT_EQ(sum, counts);
}

TEST(Evaluation, NgramsThatNobodyWroteAreRefused) {
  EvaluationCounts counts;
  counts.examples = 2;
  counts.ngrams = {16, 8, 4, 2, 18, 16, 14, 12, 18, 20};
  expect_refused(
      counts, {{"more n-grams than were written", [](EvaluationCounts& c) { c.ngrams[1] = 17; }},
               {"n-grams of other lengths", [](EvaluationCounts& c) { c.ngrams.push_back(1); }},
               {"more n-grams than texts", [](EvaluationCounts& c) { c.ngrams[9] = 1ull << 60; }}});
}

}  // namespace
}  // namespace tributary
