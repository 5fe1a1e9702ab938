// SPDX-License-Identifier: Apache-2.0
// ScoreSheet: turns a model's raw outputs (logits, predictions) into EvaluationCounts, in double precision and without
// Torch, so that every machine counts alike. One owner, one thread. No score leaves it except as a count.
#pragma once

#include <cstdint>
#include <span>

#include "common/base/result.h"
#include "common/domain/evaluation.h"
#include "common/domain/job_spec.h"

namespace tributary {

class ScoreSheet {
 public:
  ScoreSheet(TargetKind kind, std::int64_t outputs);

  // `outputs` row-major [rows, outputs]; `target` is the class of each row: 0 or 1, or 0..outputs-1.
  Status add_classified(std::span<const float> outputs, std::span<const std::int64_t> target);
  // Regression: squared error.
  Status add_measured(std::span<const float> outputs, std::span<const float> target);
  // The counts so far; fails where the loss does not fit the wire's integer.
  Result<EvaluationCounts> counts() const;

 private:
  void add_binary(float logit, bool positive);
  void add_class(std::span<const float> logits, std::size_t target);

  TargetKind kind_;
  std::size_t outputs_;
  double loss_sum_ = 0.0;
  EvaluationCounts counts_;
};

}  // namespace tributary
