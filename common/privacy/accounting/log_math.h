// SPDX-License-Identifier: Apache-2.0
// Sums and tails in logarithms, for numbers that no double holds. Any thread.
#pragma once

#include <cmath>
#include <limits>
#include <numbers>

namespace tributary {

inline constexpr double kLogZero = -std::numeric_limits<double>::infinity();

// ln(e^a + e^b).
inline double log_add(double a, double b) {
  if (a < b) return log_add(b, a);
  return b == kLogZero ? a : a + std::log1p(std::exp(b - a));
}

// ln(e^a - e^b), for a >= b.
inline double log_subtract(double a, double b) {
  if (b == kLogZero) return a;
  return a > b ? a + std::log(-std::expm1(b - a)) : kLogZero;
}

// ln of the binomial coefficient; whole numbers.
inline double log_choose(double n, double k) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
}

// ln erfc(x). Where erfc is too small for a double: its asymptotic series, Abramowitz and Stegun
// 7.1.23, whose error is less than the first term that is left out (1e-11 at 20).
inline double log_erfc(double x) {
  if (x < 20) return std::log(std::erfc(x));
  const double r = 1 / (2 * x * x);
  return -x * x - std::log(x) - 0.5 * std::log(std::numbers::pi) +
         std::log1p(-r * (1 - 3 * r * (1 - 5 * r * (1 - 7 * r))));
}

}  // namespace tributary
