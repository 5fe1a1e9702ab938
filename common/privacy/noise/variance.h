// SPDX-License-Identifier: Apache-2.0
// The variance as a fraction, so that both samplers have exactly the same one.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace tributary {

struct Variance {
  static constexpr std::uint64_t kParts = 1u << 16;
  std::uint64_t parts = 0;  // sigma^2 = parts / kParts, never below what was asked for

  double sigma() const {
    return std::sqrt(static_cast<double>(parts) / static_cast<double>(kParts));
  }
};

inline Result<Variance> variance_of(double sigma, double least, double most) {
  if (!(sigma >= least && sigma <= most)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "noise of sigma " + std::to_string(sigma) + " steps: from " +
                          std::to_string(least) + " to " + std::to_string(most) + " can be made");
  }
  const long double square = static_cast<long double>(sigma) * sigma * Variance::kParts;
  return Variance{static_cast<std::uint64_t>(std::ceil(square))};
}

}  // namespace tributary
