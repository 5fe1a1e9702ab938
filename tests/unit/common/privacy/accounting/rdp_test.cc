// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/rdp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "common/privacy/accounting/subsampled_rdp.h"
#include "tests/unit/common/privacy/accounting/vectors.h"

namespace tributary {
namespace {

// ln E_Q[(P/Q)^order] / (order - 1), by the trapezoid rule over Q's normal distribution.
double integrated(double rate, double z, double order) {
  const long double step = 1.0L / 512;
  long double sum = 0;
  for (long double x = -40; x <= 40 + order / z; x += step) {
    const long double ratio = 1 - rate + rate * std::exp(x / z - 1 / (2.0L * z * z));
    sum += std::exp(order * std::log(ratio) - x * x / 2);
  }
  const long double moment = sum * step / std::sqrt(2 * std::numbers::pi_v<long double>);
  return static_cast<double>(std::log(moment) / (order - 1));
}

TEST(PoissonRdp, IsWhatOthersPublish) {
  EXPECT_NEAR(50 * poisson_rdp(0.01, 2.5, 5), 2.18075656e-3, 1e-11);
  EXPECT_NEAR(50 * poisson_rdp(0.01, 2.5, 50), 2.38460375e-2, 1e-10);
  EXPECT_NEAR(50 * poisson_rdp(0.01, 2.5, 100), 167.416308, 1e-6);
  EXPECT_NEAR(poisson_rdp(0.01, 1, 2), 1.718134e-4, 1e-10);
  EXPECT_NEAR(poisson_rdp(0.01, 1, 5), 4.686672e-4, 1e-10);
  EXPECT_NEAR(poisson_rdp(0.01, 1, 8), 8.936439e-4, 1e-10);
  EXPECT_NEAR(poisson_rdp(0.01, 1, 32), 11.246276, 1e-6);
}

// dp_accounting adds up the sizes of the terms, without their signs, and gets 6.706e-4 and
// 1.0855e-3 for the first two.
TEST(PoissonRdp, OfFractionsIsTheIntegral) {
  EXPECT_NEAR(50 * poisson_rdp(0.01, 2.5, 1.5), 6.50071e-4, 1e-9);
  EXPECT_NEAR(50 * poisson_rdp(0.01, 2.5, 2.5), 1.085418e-3, 1e-9);
  for (const double rate : {0.001, 0.04, 0.3, 0.9}) {
    for (const double z : {0.6, 1.0, 4.0}) {
      for (const double order : {1.1, 1.5, 2.0, 2.3, 5.7, 10.9, 12.0}) {
        const double want = integrated(rate, z, order), got = poisson_rdp(rate, z, order);
        EXPECT_NEAR(got, want, 1e-10 + 1e-9 * want) << rate << " " << z << " " << order;
      }
    }
  }
}

TEST(RdpAccountant, CostsWhatOthersPublish) {
  for (const PublishedCost& one : kPublishedCosts) {
    RdpAccountant accountant(Adjacency::kAddOrRemoveOne);
    ASSERT_TRUE(accountant.add(one.event));
    // Theirs is a little more where the best order is a fraction: see OfFractionsIsTheIntegral.
    EXPECT_LE(accountant.epsilon(one.delta).epsilon, one.rdp + 6e-5) << one.of;
    EXPECT_GE(accountant.epsilon(one.delta).epsilon, one.rdp - 1e-4) << one.of;
  }
}

TEST(RdpAccountant, SaysWhichOrderGaveIt) {
  const auto order = [](const DpEvent& event, double delta) {
    RdpAccountant accountant(Adjacency::kAddOrRemoveOne);
    EXPECT_TRUE(accountant.add(event));
    return accountant.epsilon(delta).order;
  };
  EXPECT_EQ(order(poisson(0.04, 1.5, 2250), 1e-5), 3.9);
  EXPECT_EQ(order(poisson(150.0 / 60000, 1.3, 6000), 1e-5), 19);
  EXPECT_EQ(order(poisson(0.001, 1, 30000), 1e-7), 13);
}

TEST(RdpAccountant, TakesOtherOrders) {
  std::vector<double> orders;
  for (int i = 1001; i < 50000; ++i) orders.push_back(i / 1000.0);
  RdpAccountant accountant(Adjacency::kAddOrRemoveOne, orders);
  ASSERT_TRUE(accountant.add(everything(4.530877117, 1)));
  EXPECT_NEAR(accountant.epsilon(1e-6).epsilon, 1.0, 1e-6);
}

TEST(RdpAccountant, SamplesOfAFixedSizeCostMore) {
  const auto cost = [](double relative_noise) {
    RdpAccountant accountant(Adjacency::kReplaceOne);
    EXPECT_TRUE(accountant.add(
        {DpMechanism::kGaussian, DpSampling::kFixedSize, 0.1, 2 * relative_noise, 100}));
    return accountant.epsilon(1e-5).epsilon;
  };
  EXPECT_NEAR(cost(4), 2.2941, 1e-4);
  EXPECT_NEAR(cost(8), 1.0559, 1e-4);
}

// The bounds of Kairouz et al. 2021, by the older and looser way from RDP to epsilon.
TEST(RdpAccountant, ATreeIsOneMechanismOnAsManyNodesAsItIsDeep) {
  const auto cost = [](double noise) {
    RdpAccountant accountant(Adjacency::kAddOrRemoveOne);
    EXPECT_TRUE(accountant.add({DpMechanism::kTree, DpSampling::kEverything, 1, noise, 1600}));
    return accountant.epsilon(1e-6).epsilon;
  };
  EXPECT_LT(cost(1.13), 19.74);
  EXPECT_GT(cost(1.13), 18.5);
  EXPECT_LT(cost(8.83), 2.04);
  EXPECT_GT(cost(8.83), 1.7);
}

TEST(RdpAccountant, EventsAddUpInAnyOrder) {
  const DpEvent a = poisson(0.02, 1.1, 300), b = everything(20, 4);
  RdpAccountant first(Adjacency::kAddOrRemoveOne), second(Adjacency::kAddOrRemoveOne);
  ASSERT_TRUE(first.add(a) && first.add(b));
  DpEvent half = a;
  half.steps = 150;
  ASSERT_TRUE(second.add(half) && second.add(b) && second.add(half));
  EXPECT_NEAR(first.epsilon(1e-6).epsilon, second.epsilon(1e-6).epsilon, 1e-12);
  EXPECT_EQ(RdpAccountant(Adjacency::kAddOrRemoveOne).epsilon(1e-6).epsilon, 0);
}

TEST(RdpAccountant, RefusesWhatItHasNoBoundFor) {
  RdpAccountant accountant(Adjacency::kReplaceOne);
  EXPECT_FALSE(accountant.add(poisson(0.1, 1, 1)));
  EXPECT_TRUE(accountant.add(everything(1, 1)));
}

}  // namespace
}  // namespace tributary
