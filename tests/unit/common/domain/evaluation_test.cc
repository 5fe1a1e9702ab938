// SPDX-License-Identifier: Apache-2.0
#include "common/domain/evaluation.h"

#include <gtest/gtest.h>

#include <limits>

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

}  // namespace
}  // namespace tributary
