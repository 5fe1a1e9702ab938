// SPDX-License-Identifier: Apache-2.0
// The bound against what it bounds: the Renyi divergence of sums of discrete Gaussians, computed by
// convolution in 80-bit numbers.
#include "common/privacy/accounting/distributed_gaussian.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace tributary {
namespace {

using Masses = std::vector<long double>;  // of -reach ... reach

Masses one_gaussian(double sigma, int reach) {
  Masses masses;
  long double sum = 0;
  for (int x = -reach; x <= reach; ++x) {
    const long double scaled = x / static_cast<long double>(sigma);
    masses.push_back(std::exp(-scaled * scaled / 2));
    sum += masses.back();
  }
  for (long double& mass : masses) mass /= sum;
  return masses;
}

Masses sum_of(double sigma, int parties) {
  const int reach = static_cast<int>(std::ceil(20 * sigma)) + 20;
  const Masses one = one_gaussian(sigma, reach);
  Masses all = one;
  for (int i = 1; i < parties; ++i) {
    Masses next(all.size() + one.size() - 1, 0);
    for (std::size_t a = 0; a < all.size(); ++a) {
      for (std::size_t b = 0; b < one.size(); ++b) next[a + b] += all[a] * one[b];
    }
    all = std::move(next);
  }
  return all;
}

// Of the sum moved by `shift` steps from the sum; where either has next to nothing, neither counts.
double divergence(const Masses& masses, int shift, double order) {
  long double sum = 0;
  const auto step = static_cast<std::size_t>(shift);
  for (std::size_t x = step; x < masses.size(); ++x) {
    const long double p = masses[x - step], q = masses[x];
    if (p < 1e-300L || q < 1e-300L) continue;
    sum += std::exp(static_cast<long double>(order) * std::log(p) -
                    (static_cast<long double>(order) - 1) * std::log(q));
  }
  return static_cast<double>(std::log(sum) / (static_cast<long double>(order) - 1));
}

TEST(DistributedGaussian, BoundsWhatSumsOfNoiseTell) {
  for (const double sigma : {0.5, 0.6, 0.8, 1.0, 1.5, 3.0}) {
    for (const int parties : {2, 3, 5, 10}) {
      const Masses masses = sum_of(sigma, parties);
      for (const int shift : {1, 2, 5}) {
        const double z = multiplier_of_all(sigma, shift, static_cast<std::uint64_t>(parties), 1);
        for (const double order : {1.5, 2.0, 4.0, 8.0}) {
          SCOPED_TRACE(testing::Message() << sigma << " of each of " << parties << ", moved by "
                                          << shift << ", order " << order);
          const double told = divergence(masses, shift, order), bound = order / (2 * z * z);
          EXPECT_LE(told, bound * (1 + 1e-12));
          // From here on the bound is what it is for one Gaussian of all the noise.
          if (sigma >= 1.5) {
            EXPECT_GE(told, bound * (1 - 1e-6));
          }
        }
      }
    }
  }
}

// A sum of noise on a coarse grid is no Gaussian: who forgot tau would promise too much.
TEST(DistributedGaussian, ACoarseGridTellsMoreThanOneGaussianOfAllTheNoise) {
  const double sigma = 0.5, order = 8;
  const double as_one = order / (2 * 2 * sigma * sigma);
  EXPECT_GT(divergence(sum_of(sigma, 2), 1, order), as_one * 1.001);
  EXPECT_GT(distance_from_one_gaussian(sigma, 2), 0.05);
}

// exp(-2 pi^2 sigma^2 k / (k + 1)) by hand, for sigma 1: 5.17232e-5, 1.92714e-6, 3.71987e-7.
TEST(DistributedGaussian, TheDistanceFromOneGaussianIsThatOfThePaper) {
  EXPECT_EQ(distance_from_one_gaussian(1, 1), 0);
  EXPECT_NEAR(distance_from_one_gaussian(1, 2), 10 * 5.17232e-5, 1e-9);
  EXPECT_NEAR(distance_from_one_gaussian(1, 4), 10 * (5.17232e-5 + 1.92714e-6 + 3.71987e-7), 1e-9);
  double sum = 0;
  for (int k = 1; k < 5'000; ++k) sum += std::exp(-2 * M_PI * M_PI * k / (k + 1.0));
  const double of_many = distance_from_one_gaussian(1, 5'000);
  EXPECT_GE(of_many, 10 * sum) << "from above";
  EXPECT_LT(of_many, 10 * sum * 1.01);
}

// On a fine grid the noise of all has together what one Gaussian would: its variance is shared.
TEST(DistributedGaussian, OnAFineGridEachHasItsPartOfTheVariance) {
  for (const std::uint64_t honest : {1u, 4u, 100u}) {
    const double sigma = *sigma_of_each(1.5, 1'000, honest, 1'000'000);
    EXPECT_NEAR(sigma, 1.5 * 1'000 / std::sqrt(static_cast<double>(honest)), 1e-6 * sigma);
  }
}

TEST(DistributedGaussian, TheNoiseThatIsFoundIsEnoughAndNoMoreThanNeeded) {
  for (const double z : {0.05, 0.3, 1.0, 20.0}) {
    for (const double sensitivity : {1.0, 3.0, 70.0, 1e6}) {
      for (const std::uint64_t honest : {1u, 2u, 9u, 3'000u}) {
        for (const std::uint64_t values : {1u, 10'000u}) {
          const double sigma = *sigma_of_each(z, sensitivity, honest, values);
          EXPECT_GE(multiplier_of_all(sigma, sensitivity, honest, values), z);
          EXPECT_GE(sigma, kSigmaOfEachMin);
          if (sigma > kSigmaOfEachMin) {
            EXPECT_LT(multiplier_of_all(sigma * (1 - 1e-9), sensitivity, honest, values), z);
          }
        }
      }
    }
  }
  EXPECT_FALSE(sigma_of_each(0, 1, 1, 1));
  EXPECT_FALSE(sigma_of_each(1, INFINITY, 1, 1));
  EXPECT_FALSE(sigma_of_each(1, 1, 0, 1));
  EXPECT_FALSE(sigma_of_each(1, 1, 1, 0));
}

}  // namespace
}  // namespace tributary
