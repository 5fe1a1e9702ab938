// SPDX-License-Identifier: Apache-2.0
// ScoreSheet: turns a model's raw outputs (logits, predictions) into EvaluationCounts, in double
// precision and without Torch, so that every machine counts alike. One owner, one thread. No score
// leaves it except as a count.
#pragma once

#include <cstdint>
#include <span>

#include "common/base/result.h"
#include "common/domain/evaluation.h"
#include "common/domain/job_spec.h"

namespace tributary {

class ScoreSheet {
 public:
  ScoreSheet(const DataSpec& data, std::int64_t outputs);

  // `outputs` row-major [labels, outputs]; `target` has the labels of whole rows, as many a row as
  // the job's target_shape says: 0 or 1, or 0..outputs-1, or -1 for a place that does not count.
  Status add_classified(std::span<const float> outputs, std::span<const std::int64_t> target);
  // Regression: squared error of each target of whole rows.
  Status add_measured(std::span<const float> outputs, std::span<const float> target);
  // Rows whose mean loss is known as a whole.
  Status add_judged(double loss, std::size_t rows);
  // The counts so far; fails where the loss does not fit the wire's integer.
  Result<EvaluationCounts> counts() const;

 private:
  void add_binary(float logit, bool positive);
  void add_class(std::span<const float> logits, std::size_t target);
  void add_rows(std::size_t labels);
  void add_sums(MeasuredSums& sums) const;

  TargetKind kind_;
  std::size_t outputs_;
  std::size_t row_labels_ = 1;  // or targets, of a row
  double loss_sum_ = 0.0;
  double absolute_sum_ = 0.0, target_sum_ = 0.0, square_sum_ = 0.0;  // of a regression
  std::uint64_t counted_ = 0;                                        // labels or targets
  EvaluationCounts counts_;
};

}  // namespace tributary
