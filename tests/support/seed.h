// SPDX-License-Identifier: Apache-2.0
// The seed of a test that draws: TRIBUTARY_SEED, or another one in each run. A failure must print
// it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

namespace tributary {

inline std::uint64_t seed_of_run() {
  const char* given = std::getenv("TRIBUTARY_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

}  // namespace tributary
