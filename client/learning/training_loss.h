// SPDX-License-Identifier: Apache-2.0
// What a training makes small. Internal to this room, with Torch types. Plain function, any thread.
#pragma once

#include <torch/script.h>

#include "common/domain/job_spec.h"

namespace tributary {

// Of a model's outputs for some rows: `targets` is int64 for classes, of the outputs' type
// otherwise.
inline torch::Tensor training_loss(TargetKind kind, const torch::Tensor& outputs,
                                   const torch::Tensor& targets,
                                   std::int64_t reduction = at::Reduction::Mean) {
  switch (kind) {
    case TargetKind::kBinary:
      return at::binary_cross_entropy_with_logits(outputs.reshape({-1}), targets, {}, {},
                                                  reduction);
    case TargetKind::kClasses:
      return at::cross_entropy_loss(outputs, targets, {}, reduction);
    case TargetKind::kRegression:
      return at::mse_loss(outputs.reshape({-1}), targets, reduction);
  }
  return {};
}

}  // namespace tributary
