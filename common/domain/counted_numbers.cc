// SPDX-License-Identifier: Apache-2.0
#include "common/domain/counted_numbers.h"

#include "common/base/assert.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr std::size_t kTotals = 4;  // examples, loss, correct, places
constexpr std::size_t kOfAClass = 3;

}  // namespace

std::size_t counted_classes(const DataSpec& data) {
  switch (data.target) {
    case TargetKind::kBinary:
      return 1;
    case TargetKind::kClasses:
    case TargetKind::kSegmentation:
      return static_cast<std::size_t>(data.classes);
    case TargetKind::kTokens:  // how often each token was right is more than anybody reads
    case TargetKind::kRegression:
    case TargetKind::kUnlabelled:
      break;
  }
  return 0;
}

std::size_t counted_bins(const DataSpec& data) {
  return data.target == TargetKind::kBinary ? limits::kScoreBins : 0;
}

std::size_t counted_numbers(const DataSpec& data) {
  return kTotals + kOfAClass * counted_classes(data) + 2 * counted_bins(data);
}

std::vector<std::uint64_t> numbers_of(const EvaluationCounts& counts, const DataSpec& data) {
  TRIB_ASSERT(fits(counts, data), "counts of a job's own data");
  std::vector<std::uint64_t> numbers = {counts.examples,
                                        static_cast<std::uint64_t>(counts.loss_units),
                                        counts.correct, counts.places};
  for (const ClassCounts& one : counts.classes) {
    numbers.insert(numbers.end(), {one.true_positives, one.false_positives, one.false_negatives});
  }
  numbers.insert(numbers.end(), counts.positives.begin(), counts.positives.end());
  numbers.insert(numbers.end(), counts.negatives.begin(), counts.negatives.end());
  numbers.resize(counted_numbers(data), 0);
  return numbers;
}

EvaluationCounts counts_of(std::span<const std::uint64_t> numbers, const DataSpec& data) {
  TRIB_ASSERT(numbers.size() == counted_numbers(data), "as many as numbers_of() gives");
  EvaluationCounts counts;
  counts.examples = numbers[0];
  counts.loss_units = static_cast<std::int64_t>(numbers[1]);
  counts.correct = numbers[2];
  counts.places = numbers[3];
  if (counts.examples == 0) return counts;
  for (std::size_t i = 0; i < counted_classes(data); ++i) {
    const auto of = numbers.subspan(kTotals + kOfAClass * i, kOfAClass);
    counts.classes.push_back({of[0], of[1], of[2]});
  }
  const auto bins = numbers.last(2 * counted_bins(data));
  counts.positives.assign(bins.begin(),
                          bins.begin() + static_cast<std::ptrdiff_t>(bins.size() / 2));
  counts.negatives.assign(bins.begin() + static_cast<std::ptrdiff_t>(bins.size() / 2), bins.end());
  return counts;
}

}  // namespace tributary
