// SPDX-License-Identifier: Apache-2.0
// A model whose layers are computed on another device. Weights stay where they are: each forward()
// takes copies of them along, and gradients come back through the copies, so that optimisers,
// algorithms and updates see the same floats as ever. Internal to this room, with Torch types. One
// owner, one thread.
#pragma once

#include "client/learning/torch_model.h"

namespace tributary {

// For models made of layers. `half`: products are made in bfloat16 where that is safe (autocast,
// Micikevicius et al. 2018); it has the range of float32, so that losses need no scale.
TorchModelPtr on_device(TorchModelPtr model, torch::Device device, bool half);

}  // namespace tributary
