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

EvaluationCounts counts_for(const DataSpec& data, std::uint64_t rows) {
  EvaluationCounts counts{rows, -7, rows / 2, {}, {}, {}};
  for (std::size_t i = 0; i < counted_classes(data); ++i) counts.classes.push_back({i, 1, 2});
  counts.positives.resize(counted_bins(data));
  counts.negatives.resize(counted_bins(data));
  if (!counts.positives.empty()) {
    counts.positives[3] = 2;
    counts.negatives.back() = rows - 2;
  }
  return counts;
}

// The sum of the numbers is that of the counts, whatever the kind of label.
TEST(CountedNumbers, AddUpAsCountsDo) {
  for (const DataSpec& data : {data_of(TargetKind::kBinary), data_of(TargetKind::kClasses, 5),
                               data_of(TargetKind::kRegression)}) {
    EvaluationCounts sum;
    std::vector<std::uint64_t> numbers(counted_numbers(data), 0);
    for (const std::uint64_t rows : {10ull, 32ull}) {
      const EvaluationCounts one = counts_for(data, rows);
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

}  // namespace
}  // namespace tributary
