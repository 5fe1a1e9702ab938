// SPDX-License-Identifier: Apache-2.0
#include "common/domain/counted_numbers.h"

#include <gtest/gtest.h>

#include "common/base/limits.h"

namespace tributary {
namespace {

DataSpec data_of(TargetKind target, std::int64_t classes = 2) {
  DataSpec data;
  data.target = target;
  data.classes = classes;
  return data;
}

// `rows` is even, and at least 8: half of the labels are hit.
EvaluationCounts counts_for(const DataSpec& data, std::uint64_t rows) {
  EvaluationCounts counts{rows, -7, 0, {}, {}, {}};
  counts.classes.resize(counted_classes(data));
  counts.positives.resize(counted_bins(data));
  counts.negatives.resize(counted_bins(data));
  counts.confusion.resize(counted_confusion(data));
  if (data.target != TargetKind::kRegression) counts.correct = rows / 2;
  if (data.target == TargetKind::kBinary) {
    counts.classes[0] = {2, rows / 2 - 1, 1};
    counts.positives[3] = 3;
    counts.negatives.back() = rows - 3;
  } else if (!counts.classes.empty()) {
    counts.classes[0] = {rows / 2, 0, rows / 2};
    counts.classes[1] = {0, rows / 2, 0};
    if (!counts.confusion.empty()) counts.confusion[0] = counts.confusion[1] = rows / 2;
    counts.positives[31] = counts.negatives[5] = rows / 2;
  }
  if (data.target == TargetKind::kRegression) counts.measured = {99, -12, 1'000'000, rows, rows};
  if (data.target == TargetKind::kTokens) {
    counts.places = 5 * rows;
    counts.ngrams = {4, 3, 2, 1, 8, 7, 6, 5, 8, 9};
  }
  return counts;
}

// The sum of the numbers is that of the counts, whatever the kind of label.
TEST(CountedNumbers, AddUpAsCountsDo) {
  for (const DataSpec& data :
       {data_of(TargetKind::kBinary), data_of(TargetKind::kClasses, 5),
        data_of(TargetKind::kClasses, 64), data_of(TargetKind::kClasses, 65),
        data_of(TargetKind::kSegmentation, 3), data_of(TargetKind::kRegression),
        data_of(TargetKind::kTokens, 99), data_of(TargetKind::kUnlabelled)}) {
    EvaluationCounts sum;
    std::vector<std::uint64_t> numbers(counted_numbers(data), 0);
    for (const std::uint64_t rows : {10ull, 32ull}) {
      const EvaluationCounts one = counts_for(data, rows);
      ASSERT_TRUE(fits(one, data));
      ASSERT_TRUE(add_counts(sum, one));
      const auto of_one = numbers_of(one, data);
      ASSERT_EQ(of_one.size(), numbers.size());
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] += of_one[i];
    }
    const auto of_none = numbers_of({}, data);
    EXPECT_EQ(of_none, std::vector<std::uint64_t>(numbers.size(), 0));
    EXPECT_EQ(counts_of(numbers, data), sum);
    EXPECT_EQ(counts_of(of_none, data), EvaluationCounts{});
  }
}

TEST(CountedNumbers, WhatASiteDoesNotTellIsNothingInTheSum) {
  const DataSpec data = data_of(TargetKind::kClasses, 5);
  EvaluationCounts quiet = counts_for(data, 10);
  quiet.confusion.clear();
  quiet.positives.clear();
  quiet.negatives.clear();
  ASSERT_TRUE(fits(quiet, data));
  const EvaluationCounts one = counts_for(data, 8);
  auto numbers = numbers_of(quiet, data);
  const auto more = numbers_of(one, data);
  ASSERT_EQ(numbers.size(), more.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] += more[i];
  const EvaluationCounts sum = counts_of(numbers, data);
  EXPECT_EQ(sum.examples, 18u);
  EXPECT_EQ(sum.confusion, one.confusion);
  EXPECT_EQ(sum.positives, one.positives);
  EXPECT_TRUE(validate_counts(sum)) << "it tells of fewer labels than there are";
}

}  // namespace
}  // namespace tributary
