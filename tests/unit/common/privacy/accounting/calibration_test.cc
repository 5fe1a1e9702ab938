// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/calibration.h"

#include <gtest/gtest.h>

#include "tests/unit/common/privacy/accounting/vectors.h"

namespace tributary {
namespace {

constexpr Adjacency kAddRemove = Adjacency::kAddOrRemoveOne;

// Opacus, whose search ends within 0.01.
TEST(Calibration, FindsTheNoiseThatOthersFind) {
  const std::vector<DpEvent> plan{poisson(0.04, 0, 2250)};
  EXPECT_NEAR(*noise_for(plan, kAddRemove, {8, 1e-5}, DpAccounting::kRdp), 1.416, 3e-3);
  EXPECT_NEAR(*noise_for(plan, kAddRemove, {8, 1e-5}, DpAccounting::kPld), 1.34765625, 3e-3);
}

TEST(Calibration, NeverSpendsMoreThanTheBudget) {
  for (const DpAccounting accounting : {DpAccounting::kRdp, DpAccounting::kPld}) {
    for (const double epsilon : {0.3, 30.0}) {
      std::vector<DpEvent> plan{poisson(0.01, 0, 100), everything(0, 2)};
      const double noise = *noise_for(plan, kAddRemove, {epsilon, 1e-6}, accounting);
      for (DpEvent& event : plan) event.noise_multiplier = noise;
      ASSERT_GT(noise, 0.011) << epsilon;
      EXPECT_LE(*epsilon_of(plan, kAddRemove, 1e-6, accounting), epsilon);
      for (DpEvent& event : plan) event.noise_multiplier = noise * 0.998;
      EXPECT_GT(*epsilon_of(plan, kAddRemove, 1e-6, accounting), epsilon);
    }
  }
}

TEST(Calibration, RefusesABudgetOfNothing) {
  const std::vector<DpEvent> plan{poisson(0.01, 0, 100)};
  for (const DpBudget& budget : {DpBudget{0, 1e-5}, {-1, 1e-5}, {1, 0}, {1, 1}})
    EXPECT_EQ(noise_for(plan, kAddRemove, budget, DpAccounting::kRdp).error().code,
              ErrorCode::kInvalidArgument);
  EXPECT_EQ(noise_for({poisson(2, 0, 100)}, kAddRemove, {1, 1e-5}, DpAccounting::kRdp).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tributary
