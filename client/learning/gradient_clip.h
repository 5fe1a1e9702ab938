// SPDX-License-Identifier: Apache-2.0
// Shortens the gradients of a batch (train.clip_norm). Internal to this room, with Torch types.
// Plain function, any thread.
#pragma once

#include <torch/script.h>

namespace tributary {

// All gradients as one vector, which is at most `most` long in L2 afterwards (Pascanu et al. 2013).
// Undefined ones are left alone, and none is changed in place: two weights may share a gradient.
void clip_gradients(torch::autograd::variable_list& gradients, double most);

}  // namespace tributary
