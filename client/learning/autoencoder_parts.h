// SPDX-License-Identifier: Apache-2.0
// What the two families that give their input back have in common. Plain function, any thread.
// Internal to this room; no Torch.
#pragma once

#include <optional>
#include <string>

#include "client/learning/layers.h"

namespace tributary {

// Narrows examples to a code and widens that to examples again: dense layers, or convolutions where
// `channels` says so. With `beta` the code is drawn (LatentLayer). Wants data.task: unlabelled.
Result<TorchModelPtr> build_code_and_back(const std::string& family, const ModelRequest& request,
                                          std::optional<double> beta);

}  // namespace tributary
