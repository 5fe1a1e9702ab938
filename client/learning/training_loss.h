// SPDX-License-Identifier: Apache-2.0
// What a training makes small. Internal to this room, with Torch types. Plain functions, any
// thread.
#pragma once

#include <torch/script.h>

#include "common/domain/job_spec.h"

namespace tributary {

// Of a model's outputs for some rows: `targets` is int64 for classes, of the outputs' type
// otherwise. Where each place of a row has a class, `outputs` is [rows, classes, ...places], and
// places with -1 count for nothing; the inputs themselves are the targets of rows without labels.
// `weights`, where defined, has one for each class, of a binary task {negative, positive}: the mean
// is then the weighted one, sum(w l) / sum(w), the sum is sum(w l), as PyTorch's cross_entropy has
// it.
inline torch::Tensor training_loss(TargetKind kind, const torch::Tensor& outputs,
                                   const torch::Tensor& targets,
                                   std::int64_t reduction = at::Reduction::Mean,
                                   const torch::Tensor& weights = {}) {
  const torch::Tensor fitting = weights.defined() ? weights.to(outputs.options()) : weights;
  switch (kind) {
    case TargetKind::kBinary: {
      if (!fitting.defined()) {
        return at::binary_cross_entropy_with_logits(outputs.reshape({-1}), targets, {}, {},
                                                    reduction);
      }
      const torch::Tensor each = fitting.index_select(0, targets.to(torch::kLong));
      const torch::Tensor sum = at::binary_cross_entropy_with_logits(outputs.reshape({-1}), targets,
                                                                     each, {}, at::Reduction::Sum);
      return reduction == at::Reduction::Sum ? sum : sum / each.sum();
    }
    case TargetKind::kClasses:
    case TargetKind::kSegmentation:
    case TargetKind::kTokens:
      return at::cross_entropy_loss(outputs, targets, fitting, reduction, -1);
    case TargetKind::kRegression:
    case TargetKind::kUnlabelled:
      return at::mse_loss(outputs.reshape(targets.sizes()), targets, reduction);
  }
  return {};
}

// Undefined where there are none.
inline torch::Tensor class_weights_tensor(const std::vector<double>& weights) {
  if (weights.empty()) return {};
  return torch::tensor(weights, torch::kDouble);
}

}  // namespace tributary
