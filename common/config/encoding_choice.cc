// SPDX-License-Identifier: Apache-2.0
#include "common/config/encoding_choice.h"

namespace tributary {

EncodingChoice encoding_choice(const PluginChoice& encoding) {
  EncodingChoice choice;
  choice.name = encoding.name;
  for (const auto& [option, value] : encoding.options) {
    if (option == "block") choice.block = static_cast<std::uint32_t>(std::get<std::int64_t>(value));
    if (option == "ratio") choice.ratio = std::get<double>(value);
    if (option == "k") choice.k = static_cast<std::uint64_t>(std::get<std::int64_t>(value));
    if (option == "zstd") choice.zstd = static_cast<int>(std::get<std::int64_t>(value));
  }
  return choice;
}

}  // namespace tributary
