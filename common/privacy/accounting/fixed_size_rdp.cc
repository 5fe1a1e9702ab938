// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numbers>

#include "common/privacy/accounting/log_math.h"
#include "common/privacy/accounting/subsampled_rdp.h"

namespace tributary {
namespace {

// Orders above take the simpler of theorem 27's two bounds, which is looser; they matter where
// epsilon is tiny only.
constexpr int kTightOrderMax = 256;

// ln E[(dP/dQ - 1)^power] over Q, for P = N(1, z^2), Q = N(0, z^2) and an even power: a smooth
// integrand without cancellation, for which the trapezoid rule converges faster than any power of
// its step. The papers' forward differences are this number, as an alternating sum.
double log_even_moment(double z, int power) {
  constexpr double kReach = 40, kStep = 1.0 / 16;  // in standard deviations
  const double last = power / z + kReach;
  double sum = kLogZero;
  for (double x = -kReach; x <= last; x += kStep) {
    const double ratio = std::abs(std::expm1(x / z - 1 / (2 * z * z)));
    if (ratio > 0) sum = log_add(sum, power * std::log(ratio) - x * x / 2);
  }
  return sum + std::log(kStep) - 0.5 * std::log(2 * std::numbers::pi);
}

class FixedSizeBound {
 public:
  FixedSizeBound(double rate, double z, int order_max) : rate_(rate), z_(z) {
    for (int power = 2; power <= std::min(order_max, kTightOrderMax) + 1; power += 2)
      moments_.push_back(log_even_moment(z, power));
  }

  // ln of the bound on the moment, a whole order.
  double log_moment(int order) const {
    double sum = 0;
    for (int j = 2; j <= order; ++j)
      sum = log_add(sum, log_term(j, order) + j * std::log(rate_) + log_choose(order, j));
    return sum;
  }

 private:
  // (j - 1) * the divergence of order j, without sampling.
  double cumulant(int j) const { return (j - 1.0) * j / (2 * z_ * z_); }
  double even_moment(int power) const { return moments_[static_cast<std::size_t>(power / 2 - 1)]; }
  double log_term(int j, int order) const {
    const double simple = std::numbers::ln2 + cumulant(j);
    if (j == 2) return std::min(simple, 2 * std::numbers::ln2 + std::log(std::expm1(cumulant(2))));
    if (order > kTightOrderMax) return simple;
    const double tight =
        2 * std::numbers::ln2 + 0.5 * (even_moment(j / 2 * 2) + even_moment((j + 1) / 2 * 2));
    return std::min(simple, tight);
  }

  const double rate_, z_;
  std::vector<double> moments_;  // of powers 2, 4, ...
};

}  // namespace

std::vector<double> fixed_size_rdp(double rate, double z, std::span<const double> orders) {
  const double most = *std::ranges::max_element(orders);
  const FixedSizeBound bound(rate, z, static_cast<int>(std::ceil(most)));
  std::vector<double> rdp;
  rdp.reserve(orders.size());
  for (const double order : orders) {
    const int below = static_cast<int>(std::floor(order));
    const double part = order - below;
    const double low = below > 1 ? bound.log_moment(below) : 0;
    const double high = part > 0 ? bound.log_moment(below + 1) : 0;
    rdp.push_back(((1 - part) * low + part * high) / (order - 1));
  }
  return rdp;
}

}  // namespace tributary
