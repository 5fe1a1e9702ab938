// SPDX-License-Identifier: Apache-2.0
// What a training makes small. Internal to this room, with Torch types. Plain function, any thread.
#pragma once

#include <torch/script.h>

#include "common/domain/job_spec.h"

namespace tributary {

// Of a model's outputs for some rows: `targets` is int64 for classes, of the outputs' type
// otherwise. Where each place of a row has a class, `outputs` is [rows, classes, ...places], and
// places with -1 count for nothing; the inputs themselves are the targets of rows without labels.
inline torch::Tensor training_loss(TargetKind kind, const torch::Tensor& outputs,
                                   const torch::Tensor& targets,
                                   std::int64_t reduction = at::Reduction::Mean) {
  switch (kind) {
    case TargetKind::kBinary:
      return at::binary_cross_entropy_with_logits(outputs.reshape({-1}), targets, {}, {},
                                                  reduction);
    case TargetKind::kClasses:
    case TargetKind::kSegmentation:
    case TargetKind::kTokens:
      return at::cross_entropy_loss(outputs, targets, {}, reduction, -1);
    case TargetKind::kRegression:
    case TargetKind::kUnlabelled:
      return at::mse_loss(outputs.reshape(targets.sizes()), targets, reduction);
  }
  return {};
}

}  // namespace tributary
