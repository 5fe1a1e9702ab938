// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/exact_sum.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <bit>
#include <cmath>
#include <numeric>

#include "common/base/bytes.h"
#include "common/base/random_source.h"
#include "tests/unit/coordinator/aggregation/threads.h"

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

// Each form of stored values, by each instruction set and number of threads; the reference adds one
// after another.
TEST(ExactSum, EveryNumberOfThreadsAndInstructionSetGivesTheSameBits) {
  constexpr std::size_t kCount = 3 * 65'536 + 1'017, kStart = 5, kBlock = 64;
  SeededRandom random(9);
  std::vector<float> floats(kCount);
  std::vector<std::uint16_t> brains(kCount);
  Bytes blocks(kCount / kBlock * (sizeof(float) + kBlock) + sizeof(float) + kCount % kBlock);
  for (std::size_t i = 0; i < kCount; ++i) {
    brains[i] = static_cast<std::uint16_t>(0x3e00 + random.uniform_below(0x180) +
                                           (random.uniform_below(2) << 15));
    floats[i] = std::bit_cast<float>(std::uint32_t{brains[i]} << 16);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<std::byte>(i * 37);
  for (std::size_t at = 0; at < blocks.size(); at += sizeof(float) + kBlock)
    put_little_endian(blocks.data() + at, std::bit_cast<std::uint32_t>(0.0078125f));
  const std::vector<StoredValues> forms = {
      StoredValues::of(floats),
      {StoredForm::kBf16, std::as_bytes(std::span(brains)).data(), 0, kCount, 0},
      {StoredForm::kInt8, blocks.data(), 0, kCount, kBlock}};
  const int scale = *plan_scale(2.0, 1'000, 10);
  for (const StoredValues& form : forms) {
    std::vector<float> values(kCount);
    widen(form, values);
    std::vector<double> expected(kStart + kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
      const double term = std::rint(std::ldexp(static_cast<double>(values[i]) * 777.0, scale));
      expected[kStart + i] =
          static_cast<double>(static_cast<std::int64_t>(term)) / std::ldexp(777.0, scale);
    }
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
      hwy::SetSupportedTargetsForTest(target);
      hwy::GetChosenTarget().DeInit();
      for (const std::size_t threads : {1u, 2u, 3u, 7u}) {
        ExactSum sum(kStart + kCount, scale);
        sum.add_part(kStart, form, 777, kFullShare, on_threads(threads));
        sum.end_term(777);
        ASSERT_EQ(mean_of(sum), expected) << hwy::TargetName(target) << ", " << threads;
      }
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().DeInit();
  }
}

TEST(ExactSum, BeginsWithNothingInMemoryThatWasUsedBefore) {
  ExactSum before(3, 40);
  before.add(std::vector{1.0f, 2.0f, 3.0f}, 5);
  ExactSum sum(4, 40, std::move(before).take_memory());
  sum.add(std::vector{0.5f, 0.5f, 0.5f, 0.5f}, 1);
  std::vector<double> mean(4);
  sum.mean(0, mean);
  EXPECT_EQ(mean, std::vector<double>(4, 0.5));
}

TEST(ExactSum, ASmallPartStaysOnOneThread) {
  std::size_t most = 0;
  const ParallelFor counting = [&most](std::size_t parts, const auto& part) {
    most = std::max(most, parts);
    one_after_another(parts, part);
  };
  const std::vector<float> values(100'000, 0.5f);
  ExactSum sum(values.size(), 20);
  sum.add_part(0, StoredValues::of(std::span(values).first(65'536)), 1, kFullShare, counting);
  EXPECT_EQ(most, 1u);
  sum.add_part(0, StoredValues::of(values), 1, kFullShare, counting);
  EXPECT_EQ(most, 2u);
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
