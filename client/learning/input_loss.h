// SPDX-License-Identifier: Apache-2.0
// The loss of inputs that a model makes from themselves. Internal to this room, with Torch types.
// Plain function, any thread.
#pragma once

#include <torch/script.h>

#include <string>

namespace tributary {

// Of each input by itself, in the inputs' shape: squared error or, with the job's loss bce, the
// cross-entropy of logits with inputs from 0 to 1. Throws where there are not as many outputs as
// inputs.
inline torch::Tensor input_losses(const std::string& loss, const torch::Tensor& outputs,
                                  const torch::Tensor& inputs) {
  TORCH_CHECK(outputs.numel() == inputs.numel(),
              "the model has to give an output for each input, and gives ", outputs.numel(),
              " for ", inputs.numel());
  const torch::Tensor made = outputs.reshape(inputs.sizes());
  if (loss == "bce")
    return at::binary_cross_entropy_with_logits(made, inputs, {}, {}, at::Reduction::None);
  return at::mse_loss(made, inputs, at::Reduction::None);
}

}  // namespace tributary
