// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/gaussian.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/privacy/accounting/log_math.h"

namespace tributary {
namespace {

TEST(Gaussian, CostsWhatOthersPublish) {
  EXPECT_NEAR(gaussian_epsilon(std::sqrt(2.0) / 0.7, 1e-5), 10.1224946, 1e-7);
  EXPECT_NEAR(gaussian_epsilon(1, 1e-5), 4.3771781, 1e-7);
}

TEST(Gaussian, EpsilonAndDeltaAreEachOthersInverse) {
  for (const double mu : {0.001, 0.1, 1.0, 10.0, 100.0}) {
    for (const double delta : {1e-12, 1e-6, 1e-2}) {
      const double epsilon = gaussian_epsilon(mu, delta);
      if (epsilon == 0) {
        EXPECT_LE(gaussian_delta(mu, 0), delta);
        continue;
      }
      EXPECT_NEAR(gaussian_delta(mu, epsilon) / delta, 1, 1e-6) << mu << " " << delta;
    }
  }
}

TEST(LogMath, TailsMeetWhereTheSeriesTakesOver) {
  EXPECT_NEAR(log_erfc(20), std::log(std::erfc(20.0)), 1e-10);
  EXPECT_NEAR(log_erfc(26), std::log(std::erfc(26.0)), 1e-10);
  EXPECT_NEAR(log_add(std::log(3.0), std::log(5.0)), std::log(8.0), 1e-15);
  EXPECT_NEAR(log_subtract(std::log(5.0), std::log(3.0)), std::log(2.0), 1e-15);
  EXPECT_NEAR(log_choose(10, 3), std::log(120.0), 1e-13);
}

}  // namespace
}  // namespace tributary
