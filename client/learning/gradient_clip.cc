// SPDX-License-Identifier: Apache-2.0
#include "client/learning/gradient_clip.h"

#include <cmath>

#include "client/learning/torch_model.h"

namespace tributary {

void clip_gradients(torch::autograd::variable_list& gradients, double most) {
  double squares = 0.0;
  for (torch::Tensor& gradient : gradients) {
    if (!gradient.defined()) continue;
    gradient = gradient.contiguous();
    for (const float value : values_of(gradient))
      squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const double norm = std::sqrt(squares);
  if (!(norm > most)) return;
  for (torch::Tensor& gradient : gradients) {
    if (gradient.defined()) gradient = gradient * (most / norm);
  }
}

}  // namespace tributary
