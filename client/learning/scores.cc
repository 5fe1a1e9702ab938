// SPDX-License-Identifier: Apache-2.0
#include "client/learning/scores.h"

#include <algorithm>
#include <cmath>

#include "common/base/limits.h"
#include "common/domain/counted_numbers.h"

namespace tributary {
namespace {

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
  if (kind_ != TargetKind::kBinary) return;
  counts_.positives.resize(limits::kScoreBins);
  counts_.negatives.resize(limits::kScoreBins);
}

// Binary cross-entropy of a logit, in the form that neither overflows nor loses digits.
void ScoreSheet::add_binary(float logit, bool positive) {
  const double x = logit;
  loss_sum_ += std::max(x, 0.0) - (positive ? x : 0.0) + std::log1p(std::exp(-std::abs(x)));
  const double score = 1.0 / (1.0 + std::exp(-x));
  const bool predicted = logit >= 0.0F;
  ClassCounts& cells = counts_.classes[0];
  counts_.correct += predicted == positive ? 1 : 0;
  cells.true_positives += predicted && positive ? 1 : 0;
  cells.false_positives += predicted && !positive ? 1 : 0;
  cells.false_negatives += !predicted && positive ? 1 : 0;
  const std::size_t bin =
      std::min(static_cast<std::size_t>(score * static_cast<double>(limits::kScoreBins)),
               limits::kScoreBins - 1);
  ++(positive ? counts_.positives : counts_.negatives)[bin];
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
    const double error = static_cast<double>(outputs[row]) - static_cast<double>(target[row]);
    loss_sum_ += error * error;
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
  if (!(units < 0x1p62)) {
    return make_error(
        ErrorCode::kFailedPrecondition,
        "the loss is too large to be reported: training has diverged; lower the learning rate");
  }
  EvaluationCounts counts = counts_;
  counts.loss_units = std::llrint(units);
  return counts;
}

}  // namespace tributary
