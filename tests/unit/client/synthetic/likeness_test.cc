// SPDX-License-Identifier: Apache-2.0
#include "client/synthetic/likeness.h"

#include <gtest/gtest.h>

#include <cmath>

#include "client/synthetic/usefulness.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

const std::vector<InputColumn> kInputs = {{"a", NumericPlan{10.0, 2.0}, std::nullopt},
                                          {"b", std::nullopt, std::nullopt},
                                          {"c", std::nullopt, "yes"},
                                          {"c", std::nullopt, "no"}};

ExampleSet rows_of(std::int64_t count, std::uint64_t seed, double together = 0.8) {
  ExampleSet rows{{4}, count, {}, {}, {}};
  SeededRandom random(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const double a = random.normal();
    const double b = together * a + std::sqrt(1 - together * together) * random.normal();
    const bool yes = a + b + 0.3 * random.normal() > 0;
    for (const double value : {a, b, yes ? 1.0 : 0.0, yes ? 0.0 : 1.0})
      rows.inputs.push_back(static_cast<float>(value));
  }
  return rows;
}

TEST(Likeness, DistancesAreThoseOfTheirDefinitions) {
  // Shares up to 1, 2, 3: 1/4, 3/4, 1 beside 1/2, 1/2, 1/2 and one of 9.
  const std::vector<InputColumn> one = {{"x", std::nullopt, std::nullopt}};
  const ExampleSet real{{1}, 4, {1, 2, 2, 3}, {}, {}}, made{{1}, 2, {9, 1}, {}, {}};
  EXPECT_NEAR(likeness_of(one, real, {{1}, 0, {}, {}, {}}, made).columns[0].distance, 0.5, 1e-12);
  const std::vector<InputColumn> words = {{"w", std::nullopt, "p"}, {"w", std::nullopt, "q"}};
  const ExampleSet real_words{{2}, 4, {1, 0, 1, 0, 1, 0, 0, 1}, {}, {}},
      made_words{{2}, 2, {1, 0, 0, 1}, {}, {}};
  const Likeness alike = likeness_of(words, real_words, {{2}, 0, {}, {}, {}}, made_words);
  ASSERT_EQ(alike.columns.size(), 1u);
  EXPECT_NEAR(alike.columns[0].distance, 0.25, 1e-12);
  EXPECT_EQ(alike.inputs[1], "w = q");
}

TEST(Likeness, UnrelatedRowsOfTheSameKindAreAlikeAndNotSuspicious) {
  const Likeness alike = likeness_of(kInputs, rows_of(1500, 1), rows_of(400, 2), rows_of(1000, 3));
  for (const ColumnLikeness& column : alike.columns) EXPECT_LT(column.distance, 0.08);
  EXPECT_LT(alike.largest_difference, 0.06);
  EXPECT_NEAR(alike.real_correlation[1], 0.8, 0.05);
  EXPECT_FALSE(alike.nearest.suspicious);
  EXPECT_EQ(alike.nearest.made_copied, 0.0);
  const Likeness other =
      likeness_of(kInputs, rows_of(1500, 1), rows_of(400, 2), rows_of(1000, 3, 0.0));
  EXPECT_NEAR(other.largest_difference, 0.8, 0.08) << "a and b no longer go together";
}

// A generator that hands out what it was given, in part or with a little noise.
TEST(Likeness, CopiesOfRowsAreSuspicious) {
  const ExampleSet training = rows_of(1500, 1), held_out = rows_of(400, 2);
  ExampleSet made = rows_of(1000, 3);
  for (std::size_t i = 0; i < 50 * 4; ++i) made.inputs[i] = training.inputs[40 + i];
  Likeness alike = likeness_of(kInputs, training, held_out, made);
  EXPECT_NEAR(alike.nearest.made_copied, 0.05, 1e-9);
  EXPECT_EQ(alike.nearest.held_out_copied, 0.0);
  EXPECT_TRUE(alike.nearest.suspicious);
  SeededRandom random(4);
  for (std::size_t i = 0; i < made.inputs.size(); ++i)
    made.inputs[i] = training.inputs[i] + static_cast<float>(0.001 * random.normal());
  alike = likeness_of(kInputs, training, held_out, made);
  EXPECT_TRUE(alike.nearest.suspicious) << "nearer than rows are by chance, if no copies";
  EXPECT_TRUE(likeness_of(kInputs, training, {{4}, 0, {}, {}, {}}, training).nearest.suspicious)
      << "also where nothing was held out";
}

TEST(Usefulness, IsThatOfRealRowsWhereRowsAreLikeThem) {
  const Learner& learner = learner_in_process();
  const ExampleSet training = rows_of(1000, 1), held_out = rows_of(500, 2);
  const auto good = usefulness_of(learner, kInputs, "c", training, held_out, rows_of(1000, 3));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->figure, "auc");
  EXPECT_GT(good->on_real, 0.95);
  EXPECT_NEAR(good->on_made, good->on_real, 0.02);
  ExampleSet shuffled = rows_of(1000, 3);
  for (std::size_t at = 0; at < shuffled.inputs.size(); at += 4)
    std::swap(shuffled.inputs[at + 2], shuffled.inputs[at + 3]);
  const auto bad = usefulness_of(learner, kInputs, "c", training, held_out, shuffled);
  ASSERT_TRUE(bad);
  EXPECT_LT(bad->on_made, 0.1) << "the words are the wrong way round";
  const auto number = usefulness_of(learner, kInputs, "b", training, held_out, rows_of(1000, 3));
  ASSERT_TRUE(number) << number.error().message;
  EXPECT_EQ(number->figure, "explained variance");
  EXPECT_GT(number->on_made, 0.64) << "what a alone tells of b";
  EXPECT_FALSE(usefulness_of(learner, kInputs, "z", training, held_out, training));
  EXPECT_FALSE(usefulness_of(learner, kInputs, "c", training, {{4}, 0, {}, {}, {}}, training));
}

}  // namespace
}  // namespace tributary
