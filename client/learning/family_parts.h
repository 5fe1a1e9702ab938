// SPDX-License-Identifier: Apache-2.0
// What families for pictures and sequences write down alike. Plain functions, any thread. Internal
// to this room; no Torch.
#pragma once

#include "client/learning/layers.h"

namespace tributary {

// Group norm (norm_groups) or batch norm, behind a convolution.
inline void add_norm(Layers& layers, const std::string& norm, const std::string& name,
                     std::int64_t channels) {
  if (norm == "batch") {
    layers.emplace_back(BatchNormLayer{name, channels});
  } else {
    layers.emplace_back(GroupNormLayer{name, channels, norm_groups(channels)});
  }
}

inline std::string sizes_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

inline Error refuse_model(const std::string& why) {
  return make_error(ErrorCode::kInvalidArgument, why);
}

}  // namespace tributary
