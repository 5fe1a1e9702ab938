// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/gaussian.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/privacy/accounting/log_math.h"

namespace tributary {
namespace {

// ln of the standard normal distribution's mass below x.
double log_normal(double x) { return log_erfc(-x / std::numbers::sqrt2) - std::numbers::ln2; }

}  // namespace

double gaussian_delta(double mu, double epsilon) {
  const double above = log_normal(mu / 2 - epsilon / mu);
  const double below = epsilon + log_normal(-mu / 2 - epsilon / mu);
  return std::exp(log_subtract(above, below));
}

double gaussian_epsilon(double mu, double delta) {
  if (gaussian_delta(mu, 0) <= delta) return 0;
  double low = 0, high = 1;
  while (gaussian_delta(mu, high) > delta) {
    low = high;
    high *= 2;
  }
  while (high - low > 1e-12 * std::max(1.0, high)) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (gaussian_delta(mu, middle) > delta ? low : high) = middle;
  }
  return high;
}

}  // namespace tributary
