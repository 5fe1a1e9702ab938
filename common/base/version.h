// SPDX-License-Identifier: Apache-2.0
// The name and version under which this build introduces itself to peers and people.
#pragma once

#include <cstdint>

namespace tributary {

inline constexpr const char* kVersion = "0.1.0";
inline constexpr const char* kSoftware = "tributary 0.1.0";
// Of the wire; what changed with each stands in proto/README.md.
inline constexpr std::uint32_t kProtocolVersion = 1;

}  // namespace tributary
