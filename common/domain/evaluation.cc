// SPDX-License-Identifier: Apache-2.0
#include "common/domain/evaluation.h"

#include <cmath>

#include "common/base/limits.h"
#include "common/domain/counted_numbers.h"

namespace tributary {
namespace {

void add_bins(std::vector<std::uint64_t>& sum, const std::vector<std::uint64_t>& one) {
  if (sum.empty()) sum.resize(one.size());
  for (std::size_t i = 0; i < one.size(); ++i) sum[i] += one[i];
}

Status contradict(const char* what) {
  return make_error(ErrorCode::kInvalidArgument,
                    std::string("evaluation counts contradict each other: ") + what);
}

// Of many classes: what the confusion says of each one is no more than its counts; sites may not
// tell it, so that of a sum it may be less.
Status validate_confusion(const EvaluationCounts& counts) {
  const std::size_t classes = counts.classes.size();
  if (counts.confusion.empty()) return {};
  if (counts.confusion.size() != classes * classes)
    return contradict("the confusion is not one of their classes");
  for (std::size_t one = 0; one < classes; ++one) {
    std::uint64_t named = 0, is = 0;
    for (std::size_t other = 0; other < classes; ++other) {
      const std::uint64_t row = counts.confusion[one * classes + other];
      const std::uint64_t column = counts.confusion[other * classes + one];
      if (row > labels_of(counts) || column > labels_of(counts))
        return contradict("a confusion is above the number of labels");
      if (other == one) continue;
      is += row;
      named += column;
    }
    if (counts.confusion[one * classes + one] > counts.classes[one].true_positives ||
        is > counts.classes[one].false_negatives || named > counts.classes[one].false_positives)
      return contradict("the confusion says more of a class than its counts");
  }
  return {};
}

Status validate_classes(const EvaluationCounts& counts) {
  const std::uint64_t labels = labels_of(counts);
  if (counts.correct > labels) return contradict("more correct than labels");
  if (counts.classes.size() > limits::kClassesMax) return contradict("too many classes");
  ClassCounts all;
  for (const ClassCounts& c : counts.classes) {  // so that no sum goes around
    if (c.true_positives > labels - all.true_positives ||
        c.false_positives > labels - all.false_positives ||
        c.false_negatives > labels - all.false_negatives) {
      return contradict("class counts are above the number of labels");
    }
    all.true_positives += c.true_positives;
    all.false_positives += c.false_positives;
    all.false_negatives += c.false_negatives;
  }
  if (counts.classes.size() > 1) {  // one label is of one class, and taken for one
    if (all.true_positives != counts.correct)
      return contradict("the classes' hits are not the correct ones");
    if (all.false_positives != all.false_negatives ||
        all.true_positives + all.false_negatives > labels)
      return contradict("the classes do not add up to the number of labels");
  } else if (!counts.classes.empty() &&
             (all.true_positives > counts.correct ||
              counts.correct + all.false_positives + all.false_negatives > labels)) {
    return contradict("the class count does not add up to the number of labels");
  }
  return validate_confusion(counts);
}

Status validate_bins(const EvaluationCounts& counts) {
  const std::size_t bins = counts.positives.size();
  if (bins != counts.negatives.size() ||
      (bins != 0 && bins != limits::kScoreBins && bins != limits::kConfidenceBins)) {
    return contradict("the score histogram has the wrong number of bins");
  }
  if (bins == 0) return {};
  const std::uint64_t labels = labels_of(counts);
  std::uint64_t positives = 0, negatives = 0;
  for (std::size_t i = 0; i < bins; ++i) {
    if (counts.positives[i] > labels - positives || counts.negatives[i] > labels - negatives)
      return contradict("bins of the score histogram are above the number of labels");
    positives += counts.positives[i];
    negatives += counts.negatives[i];
  }
  if (bins == limits::kConfidenceBins) {  // which sites may not tell
    if (positives > counts.correct || negatives > labels - counts.correct)
      return contradict("the histogram of confidence has more hits or misses than there are");
    return {};
  }
  if (positives + negatives != labels)
    return contradict("the score histogram does not add up to the number of examples");
  if (counts.classes.size() != 1) return contradict("scores, but not two classes");
  const ClassCounts& one = counts.classes[0];
  if (one.true_positives + one.false_negatives != positives || one.false_positives > negatives)
    return contradict("the score histogram has other positives than the class count");
  return {};
}

// No mean is further from zero than the root of the mean square, but for the sums' rounding, which
// is half a unit for each site: for each target at most.
Status validate_measured(const EvaluationCounts& counts) {
  const MeasuredSums& sums = counts.measured;
  if (sums.absolute_count > labels_of(counts) || sums.target_count > labels_of(counts))
    return contradict("sums over more targets than there are");
  if (sums.absolute_errors < 0 || sums.target_squares < 0)
    return contradict("a sum of squares or of absolute errors is below zero");
  if ((sums.absolute_count == 0 && sums.absolute_errors != 0) ||
      (sums.target_count == 0 && (sums.targets != 0 || sums.target_squares != 0)))
    return contradict("sums over no targets");
  const double count = static_cast<double>(sums.target_count), slack = count * kLossUnit;
  const double squares = static_cast<double>(sums.target_squares) * kLossUnit;
  const double mean = std::abs(static_cast<double>(sums.targets)) * kLossUnit;
  if (mean > slack + (1.0 + 1e-9) * std::sqrt(count * (squares + slack)))
    return contradict("the targets are further from zero than their squares say");
  return {};
}

// Each share is of at most so many; an n-gram less than its text has tokens.
Status validate_ngrams(const EvaluationCounts& counts) {
  if (counts.ngrams.empty()) return {};
  if (counts.ngrams.size() != kNgramCounts)
    return contradict("n-grams of other lengths than 1 to 4");
  for (const std::uint64_t one : counts.ngrams) {
    if (one > limits::kExamplesMax * static_cast<std::uint64_t>(limits::kSequenceMax))
      return contradict("more n-grams than texts can have");
  }
  for (std::size_t n = 0; n < 4; ++n) {
    if (counts.ngrams[n] > counts.ngrams[4 + n] || counts.ngrams[4 + n] > counts.ngrams[8])
      return contradict("more n-grams than were written");
  }
  return {};
}

Status another_shape() {
  return make_error(ErrorCode::kInvalidArgument,
                    "evaluation counts have another number of classes or bins");
}

// What a site does not tell is empty.
bool same_shape(const std::vector<std::uint64_t>& sum, const std::vector<std::uint64_t>& one) {
  return sum.size() == one.size() || sum.empty() || one.empty();
}

Status out_of_range() {
  return make_error(ErrorCode::kInvalidArgument, "the sum of the losses is out of range");
}

}  // namespace

Status validate_counts(const EvaluationCounts& counts) {
  if (counts.examples > limits::kExamplesMax) return contradict("too many examples");
  if (counts.places > counts.examples * static_cast<std::uint64_t>(limits::kPlacesMax))
    return contradict("more places than examples can have");
  TRIB_CHECK_OK(validate_classes(counts));
  TRIB_CHECK_OK(validate_bins(counts));
  TRIB_CHECK_OK(validate_measured(counts));
  return validate_ngrams(counts);
}

Status add_counts(EvaluationCounts& sum, const EvaluationCounts& one) {
  TRIB_CHECK_OK(validate_counts(one));
  if (one.examples == 0) return {};
  const bool first = sum.examples == 0;
  if (!first &&
      (sum.classes.size() != one.classes.size() || !same_shape(sum.positives, one.positives) ||
       !same_shape(sum.confusion, one.confusion) || !same_shape(sum.ngrams, one.ngrams)))
    return another_shape();
  std::int64_t loss_units = 0;
  MeasuredSums measured;
  const MeasuredSums &before = sum.measured, &more = one.measured;
  if (__builtin_add_overflow(sum.loss_units, one.loss_units, &loss_units) ||
      __builtin_add_overflow(before.absolute_errors, more.absolute_errors,
                             &measured.absolute_errors) ||
      __builtin_add_overflow(before.targets, more.targets, &measured.targets) ||
      __builtin_add_overflow(before.target_squares, more.target_squares, &measured.target_squares))
    return out_of_range();
  measured.absolute_count = before.absolute_count + more.absolute_count;
  measured.target_count = before.target_count + more.target_count;
  sum.loss_units = loss_units;
  sum.measured = measured;
  sum.examples += one.examples;
  sum.correct += one.correct;
  sum.places += one.places;
  if (first) sum.classes.resize(one.classes.size());
  for (std::size_t i = 0; i < one.classes.size(); ++i) {
    sum.classes[i].true_positives += one.classes[i].true_positives;
    sum.classes[i].false_positives += one.classes[i].false_positives;
    sum.classes[i].false_negatives += one.classes[i].false_negatives;
  }
  add_bins(sum.positives, one.positives);
  add_bins(sum.negatives, one.negatives);
  add_bins(sum.confusion, one.confusion);
  add_bins(sum.ngrams, one.ngrams);
  return {};
}

bool fits(const EvaluationCounts& counts, const DataSpec& data) {
  if (counts.examples == 0) return true;
  const auto told = [](const std::vector<std::uint64_t>& bins, std::size_t size) {
    return bins.empty() || bins.size() == size;
  };
  const bool measures = data.target == TargetKind::kRegression;
  return counts.classes.size() == counted_classes(data) &&
         (counts.positives.size() == counted_bins(data) ||
          (counts.positives.empty() && data.target != TargetKind::kBinary)) &&
         told(counts.confusion, counted_confusion(data)) &&
         told(counts.ngrams, counted_ngrams(data)) &&
         (measures || counts.measured == MeasuredSums{});
}

}  // namespace tributary
