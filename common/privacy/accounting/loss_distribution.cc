// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/loss_distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace tributary {
namespace {

using Real = long double;

constexpr Real kReach = 10;   // standard deviations; 7.6e-24 lies beyond
constexpr Real kLarge = 100;  // of which e^-kLarge is nothing beside 1e-9, the least rate
constexpr Real kInfinity = std::numeric_limits<Real>::infinity();

// The standard normal distribution's mass between a and b; exact to its own size in both tails.
Real normal_between(Real a, Real b) {
  if (a >= b) return 0;
  if (a < 0)
    return b <= 0 ? normal_between(-b, -a)
                  : 1 - normal_between(-kInfinity, a) - normal_between(b, kInfinity);
  const auto above = [](Real x) { return std::erfc(x / std::numbers::sqrt2_v<Real>) / 2; };
  return above(a) - (b == kInfinity ? 0 : above(b));
}

struct Masses {
  Real p = 0, q = 0;
};

// Without the unit the sum is N(0, z^2); with it a mixture that lies at 1 with probability `rate`.
class Loss {
 public:
  Loss(const SampledGaussian& mechanism, LossDirection direction)
      : rate_(mechanism.rate), z_(mechanism.z), removes_(direction == LossDirection::kRemove) {}

  LossRange range() const {
    const Real low = at(-kReach * z_), high = at(1 + kReach * z_);
    return removes_ ? LossRange{low, high} : LossRange{-high, -low};
  }
  // Of losses between two numbers.
  Masses between(Real low, Real high) const {
    const Real a = removes_ ? output_at(low) : output_at(-high);
    const Real b = removes_ ? output_at(high) : output_at(-low);
    const Real without = normal_between(a / z_, b / z_);
    const Real with = (1 - rate_) * without + rate_ * normal_between((a - 1) / z_, (b - 1) / z_);
    return removes_ ? Masses{with, without} : Masses{without, with};
  }

 private:
  // ln of the mixture's density over the other's, at output x: it grows with x.
  Real at(Real x) const {
    const Real shift = (2 * x - 1) / (2 * z_ * z_);
    if (shift > kLarge || rate_ == 1) return shift + std::log(rate_);
    return std::log1p(rate_ * std::expm1(shift));
  }
  Real output_at(Real loss) const {
    if (loss > kLarge || rate_ == 1) return z_ * z_ * (loss - std::log(rate_)) + Real{0.5};
    const Real inner = std::expm1(loss) / rate_;
    return inner <= -1 ? -kInfinity : z_ * z_ * std::log1p(inner) + Real{0.5};
  }

  Real rate_, z_;
  bool removes_;
};

}  // namespace

// Weights are powers of one factor, the largest of them 1; where they are nothing, the mass that is
// left counts as one.
long double LossDistribution::log_moment(long double lambda) const {
  const Real factor = std::exp(-std::abs(lambda) * step);
  Real sum = 0, weight = 1;
  const std::size_t count = mass.size();
  for (std::size_t i = 0; i < count; ++i) {
    sum += weight * mass[lambda > 0 ? count - 1 - i : i];
    weight *= factor;
    if (weight > 1e-30L * sum) continue;
    sum += std::max(weight, std::numeric_limits<Real>::min());
    break;
  }
  const std::int64_t largest = lambda > 0 ? first + static_cast<std::int64_t>(count) - 1 : first;
  return std::log(sum) + lambda * step * static_cast<Real>(largest);
}

LossRange loss_range(const SampledGaussian& mechanism, LossDirection direction) {
  return Loss(mechanism, direction).range();
}

LossDistribution loss_distribution(const SampledGaussian& mechanism, LossDirection direction,
                                   long double step) {
  const Loss loss(mechanism, direction);
  const auto [lowest, highest] = loss.range();
  LossDistribution made;
  made.step = step;
  made.first = static_cast<std::int64_t>(std::floor(lowest / step));
  const auto last = static_cast<std::int64_t>(std::ceil(highest / step));
  made.mass.assign(static_cast<std::size_t>(last - made.first) + 1, 0);
  const auto point = [&](std::int64_t index) { return step * static_cast<Real>(index); };
  made.mass.front() = loss.between(-kInfinity, point(made.first)).p;
  made.infinite = loss.between(point(last), kInfinity).p;
  const Real share = -std::expm1(-step);
  for (std::int64_t index = made.first; index < last; ++index) {
    const Masses here = loss.between(point(index), point(index + 1));
    // Where e^loss is more than a number holds, all of it goes up.
    const Real q = here.q > 0 ? here.q * std::exp(point(index)) : 0;
    const Real upper =
        std::isfinite(q) ? std::clamp((here.p - q) / share, Real{0}, here.p) : here.p;
    const auto at = static_cast<std::size_t>(index - made.first);
    made.mass[at] += here.p - upper;
    made.mass[at + 1] += upper;
  }
  return made;
}

}  // namespace tributary
