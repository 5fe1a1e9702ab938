// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/loss_distribution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace tributary {
namespace {

long double normal_above(long double x) { return std::erfc(x / std::sqrt(2.0L)) / 2; }

// E_P[(1 - e^(epsilon - loss))+], without a grid: P's mass above less e^epsilon times Q's.
long double exact_delta(const SampledGaussian& of, LossDirection direction, long double epsilon) {
  const long double q = of.rate, z = of.z;
  const bool removes = direction == LossDirection::kRemove;
  const long double inner = std::expm1(removes ? epsilon : -epsilon) / q;
  if (inner <= -1) return removes ? -std::expm1(epsilon) : 0;
  const long double x = z * z * std::log1p(inner) + 0.5L;
  const long double without = removes ? normal_above(x / z) : 1 - normal_above(x / z);
  const long double shifted = removes ? normal_above((x - 1) / z) : 1 - normal_above((x - 1) / z);
  const long double with = (1 - q) * without + q * shifted;
  return removes ? with - std::exp(epsilon) * without : without - std::exp(epsilon) * with;
}

long double grid_delta(const LossDistribution& loss, long double epsilon) {
  long double delta = loss.infinite;
  for (std::size_t i = 0; i < loss.mass.size(); ++i) {
    const long double at =
        loss.step * static_cast<long double>(loss.first + static_cast<std::int64_t>(i));
    if (at > epsilon) delta += loss.mass[i] * (1 - std::exp(epsilon - at));
  }
  return delta;
}

TEST(LossDistribution, MeetsTheTrueOneAtEachPointAndLiesAboveItBetween) {
  for (const SampledGaussian& of : {SampledGaussian{1, 1}, {0.1, 0.8}, {0.01, 3}, {0.6, 0.4}}) {
    for (const LossDirection direction : {LossDirection::kRemove, LossDirection::kAdd}) {
      const LossDistribution loss = loss_distribution(of, direction, 0.01L);
      const auto sum = std::accumulate(loss.mass.begin(), loss.mass.end(), loss.infinite);
      EXPECT_NEAR(static_cast<double>(sum), 1, 1e-15);
      for (long double epsilon = 0; epsilon < 2; epsilon += 0.13L) {
        const long double point = std::round(epsilon / loss.step) * loss.step;
        const double at = static_cast<double>(exact_delta(of, direction, point));
        EXPECT_NEAR(static_cast<double>(grid_delta(loss, point)), at, 1e-15 + 1e-12 * at);
        const long double between = point + loss.step / 2;
        EXPECT_GE(grid_delta(loss, between), exact_delta(of, direction, between) - 1e-18L);
      }
    }
  }
}

TEST(LossDistribution, MomentsAreThoseOfItsPoints) {
  const LossDistribution loss{0.5L, -1, {0.25L, 0.25L, 0.5L}, 0};
  const double want = std::log(0.25 * std::exp(-1.0) + 0.25 + 0.5 * std::exp(1.0));
  EXPECT_NEAR(static_cast<double>(loss.log_moment(2)), want, 1e-15);
  const double other = std::log(0.25 * std::exp(1.5) + 0.25 + 0.5 * std::exp(-1.5));
  EXPECT_NEAR(static_cast<double>(loss.log_moment(-3)), other, 1e-15);
}

}  // namespace
}  // namespace tributary
