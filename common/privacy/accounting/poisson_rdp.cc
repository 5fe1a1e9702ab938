// SPDX-License-Identifier: Apache-2.0
#include <numbers>

#include "common/privacy/accounting/log_math.h"
#include "common/privacy/accounting/subsampled_rdp.h"

namespace tributary {
namespace {

// ln sum_i C(order, i) (1 - q)^(order - i) q^i exp((i^2 - i) / (2 z^2)).
double log_moment_whole(double rate, double z, int order) {
  double sum = kLogZero;
  for (int i = 0; i <= order; ++i) {
    sum = log_add(sum, log_choose(order, i) + i * std::log(rate) + (order - i) * std::log1p(-rate) +
                           (double{1} * i * i - i) / (2 * z * z));
  }
  return sum;
}

// The two halves of the integral, left and right of z0, each as a binomial series. Their terms
// become small like i^(-order - 2); what is left out is less than the last term, for the signs
// alternate, and is added: the result stays an upper bound.
double log_moment_fraction(double rate, double z, double order) {
  const double z0 = z * z * std::log(1 / rate - 1) + 0.5;
  constexpr double kNegligible = -34;  // ln, beside a sum of at least 1
  double plus = kLogZero, minus = kLogZero;
  double log_size = 0;  // of the binomial coefficient
  bool positive = true;
  for (int i = 0;; ++i) {
    const double j = order - i;
    const double left = log_size + i * std::log(rate) + j * std::log1p(-rate) +
                        (double{1} * i * i - i) / (2 * z * z) +
                        log_erfc((i - z0) / (std::numbers::sqrt2 * z));
    const double right = log_size + j * std::log(rate) + i * std::log1p(-rate) +
                         (j * j - j) / (2 * z * z) + log_erfc((z0 - j) / (std::numbers::sqrt2 * z));
    const double both = log_add(left, right) - std::numbers::ln2;
    double& side = positive ? plus : minus;
    side = log_add(side, both);
    if (i > order && both < kNegligible) return log_subtract(log_add(plus, both), minus);
    log_size += std::log(std::abs(j)) - std::log(i + 1);
    positive = positive == (j > 0);
  }
}

}  // namespace

double poisson_rdp(double rate, double z, double order) {
  const bool whole = order == std::floor(order);
  const double log_moment = whole ? log_moment_whole(rate, z, static_cast<int>(order))
                                  : log_moment_fraction(rate, z, order);
  return std::max(0.0, log_moment / (order - 1));
}

}  // namespace tributary
