// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/pld.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/privacy/accounting/gaussian.h"
#include "common/privacy/accounting/rdp.h"
#include "tests/unit/common/privacy/accounting/vectors.h"

namespace tributary {
namespace {

PldAccountant of(const std::vector<DpEvent>& events) {
  PldAccountant accountant(Adjacency::kAddOrRemoveOne);
  for (const DpEvent& event : events) EXPECT_TRUE(accountant.add(event));
  return accountant;
}

TEST(PldAccountant, IsTightAndNeverBelow) {
  for (const PublishedCost& one : kPublishedCosts) {
    const double epsilon = *of({one.event}).epsilon(one.delta);
    if (one.pld > 0) {
      EXPECT_GE(epsilon, one.pld - 1e-3) << one.of;
      EXPECT_LE(epsilon, one.pld + 3e-3) << one.of;
    }
    EXPECT_LE(epsilon, one.rdp) << one.of;
  }
}

// Opacus, by the PRV accountant, its error included.
TEST(PldAccountant, IsTighterThanAnotherTightBound) {
  EXPECT_LT(*of({poisson(0.04, 1.5, 2250)}).epsilon(1e-5), 6.777395712);
}

TEST(PldAccountant, TellsDeltaToo) {
  const PldAccountant accountant = of({poisson(0.2, 0.5, 3)});
  EXPECT_NEAR(accountant.delta(1), 0.15594, 1e-3);
  for (const double epsilon : {0.1, 0.5, 1.0, 3.0})
    EXPECT_NEAR(*accountant.epsilon(accountant.delta(epsilon)), epsilon, 1e-6);
}

// A rate that is all but 1 is no sampling, whose cost is known exactly.
TEST(PldAccountant, MeetsTheExactGaussianFromAbove) {
  for (const double z : {0.7, 2.0, 10.0}) {
    for (const std::uint64_t steps : {1u, 100u}) {
      const double exact = gaussian_epsilon(std::sqrt(static_cast<double>(steps)) / z, 1e-5);
      const double epsilon = *of({poisson(1 - 1e-9, z, steps)}).epsilon(1e-5);
      EXPECT_GE(epsilon, exact - 1e-6 * exact) << z << " " << steps;
      EXPECT_LE(epsilon, exact + 1e-3 * exact + 1e-4) << z << " " << steps;
    }
  }
}

TEST(PldAccountant, ComposesEventsOfSeveralKinds) {
  const DpEvent one = poisson(0.02, 1.1, 300);
  DpEvent half = one;
  half.steps = 150;
  const double whole = *of({one}).epsilon(1e-6);
  EXPECT_NEAR(*of({half, half}).epsilon(1e-6), whole, 1e-9);
  const double more = *of({one, everything(20, 4)}).epsilon(1e-6);
  EXPECT_GT(more, whole);
  EXPECT_LT(more, whole + gaussian_epsilon(2.0 / 20, 1e-7));
  // Two mechanisms that differ by next to nothing go through two spectra.
  DpEvent other = half;
  other.noise_multiplier += 1e-9;
  EXPECT_NEAR(*of({half, other}).epsilon(1e-6), whole, 1e-4);
  EXPECT_EQ(*of({}).epsilon(1e-6), 0);
}

TEST(PldAccountant, StaysBelowRdpAtTheEndsOfTheScale) {
  for (const DpEvent& event :
       {poisson(1e-4, 0.5, 100000), poisson(0.5, 0.3, 1), poisson(0.9, 50, 10000),
        poisson(1e-6, 1, 1000000), poisson(0.01, 0.05, 10)}) {
    RdpAccountant rdp(Adjacency::kAddOrRemoveOne);
    ASSERT_TRUE(rdp.add(event));
    const auto epsilon = of({event}).epsilon(1e-8);
    ASSERT_TRUE(epsilon) << epsilon.error().message;
    EXPECT_LE(*epsilon, rdp.epsilon(1e-8).epsilon) << event.rate;
    EXPECT_GT(*epsilon, 0) << event.rate;
  }
}

TEST(PldAccountant, SaysSoWhereItHasNoBound) {
  PldAccountant accountant(Adjacency::kReplaceOne);
  EXPECT_EQ(
      accountant.add({DpMechanism::kGaussian, DpSampling::kFixedSize, 0.1, 8, 1}).error().code,
      ErrorCode::kInvalidArgument);
  EXPECT_TRUE(accountant.add(everything(8, 1)));
  EXPECT_DOUBLE_EQ(*accountant.epsilon(1e-5), gaussian_epsilon(2.0 / 8, 1e-5));
  EXPECT_FALSE(of({poisson(0.01, 1, 1000)}).epsilon(1e-30)) << "no arithmetic knows";
}

}  // namespace
}  // namespace tributary
