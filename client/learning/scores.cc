// SPDX-License-Identifier: Apache-2.0
#include "client/learning/scores.h"

#include <algorithm>
#include <cmath>

#include "common/base/limits.h"
#include "common/domain/counted_numbers.h"
#include "common/domain/score_bins.h"

namespace tributary {
namespace {

constexpr double kUnitsMost = 0x1p62;

Error diverged() {
  return make_error(ErrorCode::kFailedPrecondition,
                    "the model's outputs are not finite numbers on this site's data: training has "
                    "diverged; lower "
                    "the learning rate, or check the inputs' scale");
}

}  // namespace

ScoreSheet::ScoreSheet(const DataSpec& data, std::int64_t outputs)
    : kind_(data.target), outputs_(static_cast<std::size_t>(outputs)) {
  for (const std::int64_t size : data.target_shape) row_labels_ *= static_cast<std::size_t>(size);
  if (kind_ == TargetKind::kUnlabelled) row_labels_ = outputs_;
  counts_.classes.resize(counted_classes(data));
  counts_.positives.resize(counted_bins(data));
  counts_.negatives.resize(counted_bins(data));
  counts_.confusion.resize(counted_confusion(data));
}

// Binary cross-entropy of a logit, in the form that neither overflows nor loses digits.
void ScoreSheet::add_binary(float logit, bool positive) {
  const double x = logit;
  loss_sum_ += std::max(x, 0.0) - (positive ? x : 0.0) + std::log1p(std::exp(-std::abs(x)));
  const bool predicted = logit >= 0.0F;
  ClassCounts& cells = counts_.classes[0];
  counts_.correct += predicted == positive ? 1 : 0;
  cells.true_positives += predicted && positive ? 1 : 0;
  cells.false_positives += predicted && !positive ? 1 : 0;
  cells.false_negatives += !predicted && positive ? 1 : 0;
  ++(positive ? counts_.positives : counts_.negatives)[score_bin(x)];
}

void ScoreSheet::add_class(std::span<const float> logits, std::size_t target) {
  const auto best = std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits)
    sum += std::exp(static_cast<double>(logit) - static_cast<double>(*best));
  loss_sum_ += std::log(sum) + static_cast<double>(*best) - static_cast<double>(logits[target]);
  const std::size_t predicted = static_cast<std::size_t>(best - logits.begin());
  if (predicted == target) ++counts_.correct;
  if (counts_.classes.empty()) return;
  // The winner's own term of the sum is 1.
  auto& bins = predicted == target ? counts_.positives : counts_.negatives;
  ++bins[confidence_bin(1.0 / sum)];
  if (!counts_.confusion.empty()) ++counts_.confusion[target * counts_.classes.size() + predicted];
  if (predicted == target) {
    ++counts_.classes[target].true_positives;
  } else {
    ++counts_.classes[predicted].false_positives;
    ++counts_.classes[target].false_negatives;
  }
}

Status ScoreSheet::add_classified(std::span<const float> outputs,
                                  std::span<const std::int64_t> target) {
  TRIB_ASSERT(outputs.size() == target.size() * outputs_,
              "outputs and targets have different rows");
  for (std::size_t row = 0; row < target.size(); ++row) {
    if (target[row] < 0) continue;
    const auto logits = outputs.subspan(row * outputs_, outputs_);
    for (const float logit : logits) {
      if (!std::isfinite(logit)) return diverged();
    }
    if (kind_ == TargetKind::kBinary) {
      add_binary(logits[0], target[row] != 0);
    } else {
      add_class(logits, static_cast<std::size_t>(target[row]));
    }
    counted_ += 1;
  }
  add_rows(target.size());
  return {};
}

Status ScoreSheet::add_measured(std::span<const float> outputs, std::span<const float> target) {
  TRIB_ASSERT(outputs.size() == target.size(), "outputs and targets have different rows");
  for (std::size_t row = 0; row < target.size(); ++row) {
    if (!std::isfinite(outputs[row])) return diverged();
    const double truth = static_cast<double>(target[row]);
    const double error = static_cast<double>(outputs[row]) - truth;
    loss_sum_ += error * error;
    absolute_sum_ += std::abs(error);
    target_sum_ += truth;
    square_sum_ += truth * truth;
    counted_ += 1;
  }
  add_rows(target.size());
  return {};
}

Status ScoreSheet::add_judged(double loss, std::size_t rows) {
  if (!std::isfinite(loss)) return diverged();
  loss_sum_ += loss * static_cast<double>(rows);
  counts_.examples += rows;
  return {};
}

void ScoreSheet::add_rows(std::size_t labels) {
  TRIB_ASSERT(labels % row_labels_ == 0, "whole rows");
  counts_.examples += labels / row_labels_;
  if (row_labels_ > 1) counts_.places = counted_;
}

Result<EvaluationCounts> ScoreSheet::counts() const {
  const double units = loss_sum_ / kLossUnit;
  if (!(units < kUnitsMost)) {
    return make_error(
        ErrorCode::kFailedPrecondition,
        "the loss is too large to be reported: training has diverged; lower the learning rate");
  }
  EvaluationCounts counts = counts_;
  counts.loss_units = std::llrint(units);
  if (kind_ == TargetKind::kRegression) add_sums(counts.measured);
  return counts;
}

// What does not fit the wire's integers is not told: large targets are no fault of the model.
void ScoreSheet::add_sums(MeasuredSums& sums) const {
  if (absolute_sum_ / kLossUnit < kUnitsMost) {
    sums.absolute_errors = std::llrint(absolute_sum_ / kLossUnit);
    sums.absolute_count = counted_;
  }
  if (square_sum_ / kLossUnit < kUnitsMost && std::abs(target_sum_) / kLossUnit < kUnitsMost) {
    sums.targets = std::llrint(target_sum_ / kLossUnit);
    sums.target_squares = std::llrint(square_sum_ / kLossUnit);
    sums.target_count = counted_;
  }
}

}  // namespace tributary
