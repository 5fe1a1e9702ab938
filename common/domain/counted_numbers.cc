// SPDX-License-Identifier: Apache-2.0
#include "common/domain/counted_numbers.h"

#include "common/base/assert.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr std::size_t kTotals = 4;  // examples, loss, correct, places
constexpr std::size_t kOfAClass = 3;
constexpr std::size_t kMeasured = 5;

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
  switch (data.target) {
    case TargetKind::kBinary:
      return limits::kScoreBins;
    case TargetKind::kClasses:
    case TargetKind::kSegmentation:
      return limits::kConfidenceBins;
    case TargetKind::kTokens:
    case TargetKind::kRegression:
    case TargetKind::kUnlabelled:
      break;
  }
  return 0;
}

std::size_t counted_confusion(const DataSpec& data) {
  const std::size_t classes = counted_classes(data);
  return classes > 1 && classes <= limits::kConfusionClassesMax ? classes * classes : 0;
}

std::size_t counted_ngrams(const DataSpec& data) {
  return data.target == TargetKind::kTokens ? kNgramCounts : 0;
}

std::size_t counted_numbers(const DataSpec& data) {
  const std::size_t measured = data.target == TargetKind::kRegression ? kMeasured : 0;
  return kTotals + kOfAClass * counted_classes(data) + 2 * counted_bins(data) +
         counted_confusion(data) + measured + counted_ngrams(data);
}

std::vector<std::uint64_t> numbers_of(const EvaluationCounts& counts, const DataSpec& data) {
  TRIB_ASSERT(fits(counts, data), "counts of a job's own data");
  std::vector<std::uint64_t> numbers = {counts.examples,
                                        static_cast<std::uint64_t>(counts.loss_units),
                                        counts.correct, counts.places};
  for (std::size_t i = 0; i < counted_classes(data); ++i) {
    const ClassCounts one = counts.examples > 0 ? counts.classes[i] : ClassCounts{};
    numbers.insert(numbers.end(), {one.true_positives, one.false_positives, one.false_negatives});
  }
  const auto append = [&numbers](const std::vector<std::uint64_t>& bins, std::size_t size) {
    numbers.insert(numbers.end(), bins.begin(), bins.end());
    numbers.resize(numbers.size() + size - bins.size(), 0);
  };
  append(counts.positives, counted_bins(data));
  append(counts.negatives, counted_bins(data));
  append(counts.confusion, counted_confusion(data));
  if (data.target == TargetKind::kRegression) {
    const MeasuredSums& sums = counts.measured;
    for (const std::int64_t one : {sums.absolute_errors, sums.targets, sums.target_squares})
      numbers.push_back(static_cast<std::uint64_t>(one));
    numbers.insert(numbers.end(), {sums.absolute_count, sums.target_count});
  }
  append(counts.ngrams, counted_ngrams(data));
  return numbers;
}

EvaluationCounts counts_of(std::span<const std::uint64_t> numbers, const DataSpec& data) {
  TRIB_ASSERT(numbers.size() == counted_numbers(data), "as many as numbers_of() gives");
  const auto take = [&numbers](std::size_t size) {
    const std::vector<std::uint64_t> taken(numbers.begin(),
                                           numbers.begin() + static_cast<std::ptrdiff_t>(size));
    numbers = numbers.subspan(size);
    return taken;
  };
  EvaluationCounts counts;
  const auto totals = take(kTotals);
  counts.examples = totals[0];
  counts.loss_units = static_cast<std::int64_t>(totals[1]);
  counts.correct = totals[2];
  counts.places = totals[3];
  if (counts.examples == 0) return counts;
  for (std::size_t i = 0; i < counted_classes(data); ++i) {
    const auto of = take(kOfAClass);
    counts.classes.push_back({of[0], of[1], of[2]});
  }
  counts.positives = take(counted_bins(data));
  counts.negatives = take(counted_bins(data));
  counts.confusion = take(counted_confusion(data));
  if (data.target == TargetKind::kRegression) {
    const auto of = take(kMeasured);
    counts.measured = {static_cast<std::int64_t>(of[0]), static_cast<std::int64_t>(of[1]),
                       static_cast<std::int64_t>(of[2]), of[3], of[4]};
  }
  counts.ngrams = take(counted_ngrams(data));
  return counts;
}

}  // namespace tributary
