// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/exact_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "common/base/random_source.h"

namespace tributary {
namespace {

std::vector<double> mean_of(const ExactSum& sum) {
  std::vector<double> mean(sum.size());
  sum.mean(0, mean);
  return mean;
}

struct Update {
  std::vector<float> values;
  std::uint64_t weight;
};

std::vector<Update> random_updates(std::uint64_t seed, std::size_t count, std::size_t size,
                                   double bound, std::uint64_t weight_max) {
  SeededRandom random(seed);
  std::vector<Update> updates(count);
  for (Update& update : updates) {
    update.weight = 1 + random.uniform_below(weight_max);
    update.values.resize(size);
    for (float& value : update.values) {
      // From tiny to the bound: sizes that float sums lose.
      value = static_cast<float>(
          std::ldexp(random.uniform() * 2 - 1, -static_cast<int>(random.uniform_below(40))) *
          bound);
    }
  }
  return updates;
}

ExactSum sum_of(const std::vector<Update>& updates, int scale) {
  ExactSum sum(updates.front().values.size(), scale);
  for (const Update& update : updates) sum.add(update.values, update.weight);
  return sum;
}

TEST(PlanScale, TheLargestSumFitsAndNoLargerScaleDoes) {
  for (const double bound : {1e-3, 1.0, 1024.0}) {
    for (const std::uint64_t weight : {1ull, 1000ull, 1'000'000ull}) {
      for (const std::uint64_t terms : {1ull, 100ull, 20'000ull}) {
        const auto scale = plan_scale(bound, weight, terms);
        if (!scale) continue;
        const double largest =
            std::ldexp(bound * static_cast<double>(weight) * static_cast<double>(terms), *scale);
        EXPECT_LT(largest, std::ldexp(1.0, 62));
        EXPECT_TRUE(*scale == 60 || largest >= std::ldexp(1.0, 59)) << "a finer scale would fit";
      }
    }
  }
}

TEST(PlanScale, RefusesWhatCannotBeExact) {
  EXPECT_FALSE(plan_scale(1e30, 1'000'000, 20'000));
  EXPECT_FALSE(plan_scale(0.0, 1, 1));
  EXPECT_FALSE(plan_scale(INFINITY, 1, 1));
}

TEST(ExactSum, TheExtremeSumDoesNotWrap) {
  const double bound = 1024.0;
  const std::uint64_t weight = 1'000'000, terms = 64;
  ExactSum sum(2, *plan_scale(bound, weight, terms));
  const std::vector<float> extreme = {1024.0f, -1024.0f};
  for (std::uint64_t i = 0; i < terms; ++i) sum.add(extreme, weight);
  EXPECT_EQ(mean_of(sum), (std::vector<double>{1024.0, -1024.0}));
}

TEST(ExactSum, EveryOrderAndSplitGivesTheSameBits) {
  std::vector<Update> updates = random_updates(7, 40, 33, 16.0, 100'000);
  const int scale = *plan_scale(16.0, 100'000, 40);
  const std::vector<double> expected = mean_of(sum_of(updates, scale));
  SeededRandom random(8);
  for (int round = 0; round < 50; ++round) {
    random.shuffle(updates);
    const std::size_t cut = 1 + random.uniform_below(updates.size() - 1);
    ExactSum left =
        sum_of({updates.begin(), updates.begin() + static_cast<std::ptrdiff_t>(cut)}, scale);
    left.merge(sum_of({updates.begin() + static_cast<std::ptrdiff_t>(cut), updates.end()}, scale));
    ASSERT_EQ(mean_of(left), expected);
  }
}

// The reference sums in long double, 64 bits of mantissa.
TEST(ExactSum, StaysWithinTheStatedBoundOfTheRealMean) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<Update> updates = random_updates(seed, 25, 50, 8.0, 5'000);
    const ExactSum sum = sum_of(updates, *plan_scale(8.0, 5'000, 25));
    const std::vector<double> mean = mean_of(sum);
    for (std::size_t i = 0; i < mean.size(); ++i) {
      long double total = 0, weights = 0;
      for (const Update& update : updates) {
        total +=
            static_cast<long double>(update.weight) * static_cast<long double>(update.values[i]);
        weights += static_cast<long double>(update.weight);
      }
      const double error =
          std::abs(static_cast<double>(static_cast<long double>(mean[i]) - total / weights));
      ASSERT_LE(error, sum.mean_error_bound() + std::abs(mean[i]) * 0x1p-52);
    }
    EXPECT_LT(sum.mean_error_bound(), 8.0 * 0x1p-40) << "far below the spacing of float32 weights";
  }
}

}  // namespace
}  // namespace tributary
