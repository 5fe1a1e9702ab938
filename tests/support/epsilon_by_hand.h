// SPDX-License-Identifier: Apache-2.0
// What Gaussian mechanisms cost, beside the accountants and not of their code.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace tributary {

// Mechanisms whose divergence at order a is a * rho, together; Canonne, Kamath, Steinke 2020,
// proposition 12. Over a grid of orders of its own.
inline double epsilon_by_hand(double rho, double delta) {
  double least = std::numeric_limits<double>::infinity();
  for (double a = 1.01; a < 2000; a *= 1.001)
    least = std::min(least, a * rho + std::log1p(-1 / a) - std::log(delta * a) / (a - 1));
  return std::max(0.0, least);
}

// Of so many sums of one Gaussian mechanism.
inline double epsilon_of_sums(std::uint64_t sums, double multiplier, double delta) {
  return epsilon_by_hand(static_cast<double>(sums) / (2 * multiplier * multiplier), delta);
}

}  // namespace tributary
