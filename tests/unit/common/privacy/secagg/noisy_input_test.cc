// SPDX-License-Identifier: Apache-2.0
// What hides a site in a sum: a length that no rounding exceeds, and noise of the variance that was
// promised. Seeds are fixed: what passes does so each time.
#include "common/privacy/secagg/noisy_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/privacy/accounting/distributed_gaussian.h"
#include "common/privacy/secagg/sum_input.h"
#include "common/privacy/secagg/sum_plan.h"

namespace tributary {
namespace {

using testing::HasSubstr;

SumNoise noise_of(unsigned bits, std::uint64_t values) {
  SumNoise noise;
  noise.bits = bits;
  noise.members = 10;
  noise.honest = 7;
  noise.values = values;
  return noise;
}

std::vector<float> scaled_to(std::vector<float> values, double norm) {
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  for (float& value : values) value *= static_cast<float>(norm / std::sqrt(squares));
  return values;
}

std::vector<float> update(std::size_t size, double norm, std::uint64_t seed) {
  SeededRandom random(seed);
  std::vector<float> values(size);
  for (float& value : values) value = static_cast<float>(random.normal());
  return scaled_to(std::move(values), norm);
}

double length_of(const std::vector<std::int32_t>& numbers) {
  long double squares = 0;
  for (const std::int32_t number : numbers) {
    const auto size = static_cast<long double>(number);
    squares += size * size;
  }
  return static_cast<double>(std::sqrt(squares));
}

std::vector<double> decoded(const SumNoise& noise, const NoisyCoding& coding,
                            const std::vector<std::uint32_t>& numbers) {
  std::vector<double> values(numbers.size());
  decode_numbers(noise.bits, coding.step(), numbers, values);
  return values;
}

// Rounds each coordinate up, whatever a fair one would do: no luck makes an update longer.
class AlwaysUp final : public RandomSource {
 public:
  std::uint64_t next_u64() override { return ~std::uint64_t{0}; }
};

TEST(NoisyInput, NoRoundingMakesAnUpdateLongerThanTheClip) {
  for (const unsigned bits : {16u, 20u, 32u}) {
    for (const std::size_t values : {1u, 2u, 30u, 5'000u}) {
      SCOPED_TRACE(testing::Message() << bits << " bits, " << values << " values");
      const auto coding = NoisyCoding::make(noise_of(bits, values));
      ASSERT_TRUE(coding) << coding.error().message;
      SeededRandom random(bits + values);
      AlwaysUp up;
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        for (const double norm : {0.999999, 1.0, 1.000001, 1e6}) {
          // All alike, so that all are rounded the same way; one alone; any.
          std::vector<float> one(values, 0.0F);
          one[seed % values] = 1.0F;
          for (const std::vector<float>& given :
               {scaled_to(std::vector<float>(values, seed % 2 == 0 ? 1.0F : -1.0F), norm),
                scaled_to(one, norm), update(values, norm, seed)}) {
            EXPECT_LE(length_of(*coding->rounded(given, random)), coding->longest());
            EXPECT_LE(length_of(*coding->rounded(given, up)), coding->longest());
          }
        }
      }
    }
  }
}

// The room before rounding is small enough that trying again is rare, and large enough to be of
// use.
TEST(NoisyInput, AnUpdateOfTheClipKeepsNearlyAllOfItsLength) {
  const SumNoise noise = noise_of(32, 1'000);
  const auto coding = NoisyCoding::make(noise);
  ASSERT_TRUE(coding);
  SeededRandom random(1);
  EXPECT_GT(length_of(*coding->rounded(update(1'000, 1, 3), random)), 0.999 * coding->longest());
  const std::vector<float> shorter = update(1'000, 0.5, 4);
  const auto numbers = *coding->rounded(shorter, random);
  for (std::size_t i = 0; i < shorter.size(); ++i)
    EXPECT_NEAR(numbers[i] * coding->step(), shorter[i], coding->step());
}

TEST(NoisyInput, RoundingIsRightOnAverage) {
  const auto coding = NoisyCoding::make(noise_of(16, 4));
  ASSERT_TRUE(coding);
  const auto step = static_cast<float>(coding->step());
  const std::vector<float> given = {0.25F * step, -0.25F * step, 7.5F * step, 0.0F};
  SeededRandom random(2);
  std::vector<double> means(4, 0.0);
  for (int i = 0; i < 20'000; ++i) {
    const auto numbers = *coding->rounded(given, random);
    for (std::size_t k = 0; k < 4; ++k) means[k] += numbers[k] / 20'000.0;
  }
  EXPECT_NEAR(means[0], 0.25, 0.015);
  EXPECT_NEAR(means[1], -0.25, 0.015);
  EXPECT_NEAR(means[2], 7.5, 0.015);
  EXPECT_EQ(means[3], 0);
}

// A coordinate beyond the range counts as it, and only before the noise.
TEST(NoisyInput, TheRangeBoundsWhatIsHiddenAndNotTheNoise) {
  SumNoise noise = noise_of(32, 20'000);
  noise.range = 0.01;
  noise.multiplier = 4;
  const auto coding = NoisyCoding::make(noise);
  ASSERT_TRUE(coding);
  SeededRandom random(3);
  std::vector<float> given(20'000, 0.0F);
  given[0] = 0.9F;
  EXPECT_LE(coding->rounded(given, random)->at(0) * coding->step(), 0.01);
  const std::vector<double> values = decoded(noise, *coding, coding->code(given, random)->numbers);
  double furthest = 0;
  for (const double value : values) furthest = std::max(furthest, std::abs(value));
  // Of 20,000 Gaussian values the largest is above 3.5 deviations.
  EXPECT_GT(furthest, 3.5 * coding->deviation_of(1));
  EXPECT_GT(furthest, 100 * noise.range);
}

// By Wilson & Hilferty: how far the squares' sum is from what it is to be, in deviations.
double score_of_variance(const std::vector<double>& values, double deviation) {
  double statistic = 0;
  for (const double value : values) statistic += value * value / (deviation * deviation);
  const auto freedom = static_cast<double>(values.size());
  const double spread = 2.0 / (9.0 * freedom);
  return (std::cbrt(statistic / freedom) - (1 - spread)) / std::sqrt(spread);
}

TEST(NoisyInput, EachHasItsPartOfTheVarianceThatWasPromised) {
  for (const unsigned bits : {20u, 32u}) {
    SumNoise noise = noise_of(bits, 50'000);
    noise.multiplier = 1.3;
    noise.clip = 0.5;
    noise.range = 0.1;
    const auto coding = NoisyCoding::make(noise);
    ASSERT_TRUE(coding) << coding.error().message;
    SeededRandom random(bits);
    const std::vector<float> nothing(50'000, 0.0F);
    const auto values = decoded(noise, *coding, coding->code(nothing, random)->numbers);
    const double wanted = 1.3 * 0.5 / std::sqrt(7.0);
    EXPECT_LT(std::abs(score_of_variance(values, wanted)), 4.5);
    EXPECT_LT(score_of_variance(values, 1.03 * wanted), -4.5) << "3 % less would be found";
    EXPECT_GT(score_of_variance(values, 0.97 * wanted), 4.5) << "3 % more would be found";
  }
}

// Of ten members the sum is what they gave and noise of n / h times the promised variance.
TEST(NoisyInput, TheSumHasTheRightMeanAndItsNoiseNoMoreThanThePrice) {
  SumNoise noise = noise_of(32, 40'000);
  noise.multiplier = 0.8;
  const auto coding = NoisyCoding::make(noise);
  ASSERT_TRUE(coding);
  std::vector<std::uint32_t> sum(40'000, 0);
  std::vector<double> exact(40'000, 0.0);
  SeededRandom random(5);
  for (std::uint64_t member = 0; member < 10; ++member) {
    const std::vector<float> given = update(40'000, 0.9, member);
    const auto coded = *coding->code(given, random);
    EXPECT_EQ(coded.count, 0u);
    for (std::size_t i = 0; i < sum.size(); ++i) {
      sum[i] += coded.numbers[i];
      exact[i] += static_cast<double>(given[i]);
    }
  }
  std::vector<double> left = decoded(noise, *coding, sum);
  for (std::size_t i = 0; i < left.size(); ++i) left[i] -= exact[i];
  const double price = 0.8 * std::sqrt(10.0 / 7.0);
  EXPECT_LT(std::abs(score_of_variance(left, price)), 4.5);
  EXPECT_NEAR(coding->deviation_of(10), price, 1e-6);
  double mean = 0;
  for (const double value : left) mean += value / 40'000;
  EXPECT_LT(std::abs(mean), 4.5 * price / 200);
}

TEST(NoisyInput, WhatTheHonestAddCostsWhatWasPromised) {
  for (const unsigned bits : {16u, 20u, 24u, 32u}) {
    for (const double multiplier : {0.05, 1.0, 30.0}) {
      SumNoise noise = noise_of(bits, 300);
      noise.multiplier = multiplier;
      const auto coding = NoisyCoding::make(noise);
      ASSERT_TRUE(coding) << coding.error().message;
      EXPECT_GE(multiplier_of_all(coding->sigma(), coding->longest(), 7, 300),
                multiplier * (1 - 1e-9));
      // Whatever ten members say, and 8 deviations of their noise, is within 2^(bits - 1).
      const double most = 10 * noise.range / coding->step() + 8 * std::sqrt(10.0) * coding->sigma();
      EXPECT_LT(most, std::ldexp(1.0, static_cast<int>(bits) - 1));
    }
  }
}

TEST(NoisyInput, TheCountOfThoseWithinTheClipHasNoiseOfItsOwn) {
  SumNoise noise = noise_of(32, 1);
  noise.count_deviation = 6;
  const auto coding = NoisyCoding::make(noise);
  ASSERT_TRUE(coding);
  EXPECT_NEAR(coding->count_sigma(), 6 / std::sqrt(7.0), 1e-5);
  SeededRandom random(8);
  double within = 0, longer = 0;
  std::vector<double> values;
  for (int i = 0; i < 20'000; ++i) {
    const auto one = coding->code(std::vector<float>{1.0F}, random)->count;
    const auto other = coding->code(std::vector<float>{1.5F}, random)->count;
    within += static_cast<double>(static_cast<std::int64_t>(one)) / 20'000;
    longer += static_cast<double>(static_cast<std::int64_t>(other)) / 20'000;
    values.push_back(static_cast<double>(static_cast<std::int64_t>(one)) - 1);
  }
  EXPECT_NEAR(within, 1, 0.075);
  EXPECT_NEAR(longer, -1, 0.075);
  EXPECT_LT(std::abs(score_of_variance(values, 6 / std::sqrt(7.0))), 4.5);
}

// Noise of few steps is none of a Gaussian: the count gets more of it than its part.
TEST(NoisyInput, ACountOfFewGetsMoreThanItsPartOfTheNoise) {
  SumNoise noise = noise_of(32, 1);
  noise.count_deviation = 0.7;
  const auto coding = NoisyCoding::make(noise);
  ASSERT_TRUE(coding);
  EXPECT_GT(coding->count_sigma(), 1.5 * 0.7 / std::sqrt(7.0));
  EXPECT_GE(multiplier_of_all(coding->count_sigma(), 1, 7, 1), 0.7);
}

TEST(NoisyInput, WhatDoesNotFitIsRefusedWithTheNumbers) {
  SumNoise many = noise_of(16, 10'000'000);
  many.members = 100;
  const auto short_numbers = NoisyCoding::make(many);
  ASSERT_FALSE(short_numbers);
  for (const char* said : {"16 bits", "10000000 values", "100 sites", "more bits"})
    EXPECT_THAT(short_numbers.error().message, HasSubstr(said));
  SumNoise loud = noise_of(16, 1'000);
  loud.multiplier = 1e5;
  EXPECT_FALSE(NoisyCoding::make(loud));
  loud.bits = 32;
  EXPECT_TRUE(NoisyCoding::make(loud));
  for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    SumNoise clipless = noise_of(32, 3), quiet = noise_of(32, 3);
    clipless.clip = bad;
    quiet.multiplier = bad;
    EXPECT_FALSE(NoisyCoding::make(clipless));
    EXPECT_FALSE(NoisyCoding::make(quiet));
  }
  SumNoise alone = noise_of(32, 3);
  alone.honest = 0;
  EXPECT_FALSE(NoisyCoding::make(alone));
  SeededRandom random(3);
  const auto coding = NoisyCoding::make(noise_of(32, 2));
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")})
    EXPECT_FALSE(coding->code(std::vector<float>{0.0F, bad}, random));
}

// --- what a job's file makes of it ---

// h = max(least, (1 - dropout) n) - adversarial n, each rounded to the safe side; and one at least
// is left out, who knows its own noise and may wonder about another's.
TEST(NoisyInput, CountsOnTheFewestHonestMembersThatTheirOwnChecksLeave) {
  struct Case {
    std::uint32_t members, quorum;
    double adversarial, dropout;
    std::uint64_t honest;
  };
  const TaskKey key{JobId{"heart-1"}, 1, 1, TaskKind::kTrain};
  for (const Case& one :
       {Case{40, 30, 0.1, 0.2, 28}, Case{40, 38, 0.1, 0.2, 34}, Case{45, 30, 0.1, 0.2, 32},
        Case{300, 10, 0.1, 0.2, 210}, Case{4, 3, 0.25, 0.5, 2}, Case{10, 3, 0.0, 0.0, 9}, Case{5, 3, 0.1, 0.2, 3}}) {
    SCOPED_TRACE(testing::Message() << one.members << " members, quorum " << one.quorum);
    JobSpec spec;
    spec.rounds.quorum = one.quorum;
    spec.privacy.secure_aggregation =
        SecureAggregation{.adversarial = one.adversarial, .dropout = one.dropout};
    spec.privacy.sites = SitePrivacy{.clip = 1, .noise_multiplier = 2, .adaptive = {}};
    const auto coding = noisy_coding(spec, one.members, 100, 1);
    ASSERT_TRUE(coding) << coding.error().message;
    EXPECT_NEAR(coding->deviation_of(1), 2 / std::sqrt(static_cast<double>(one.honest)), 1e-5);
    // What the count takes is taken from the updates' part: both together cost what was promised.
    spec.privacy.sites->adaptive = AdaptiveClip{0.5, 0.2, 1.5};
    const auto adaptive = noisy_coding(spec, one.members, 100, 1);
    ASSERT_TRUE(adaptive);
    const double of_sum = adaptive->deviation_of(1) * std::sqrt(static_cast<double>(one.honest));
    EXPECT_NEAR(1 / (of_sum * of_sum) + 1.0 / 9, 1.0 / 4, 1e-5);
    EXPECT_GE(multiplier_of_all(adaptive->count_sigma(), 1, one.honest, 1), 3);
  }
}

// The range is a bound for a coordinate at the job's clip, and goes with the clip of the round.
TEST(NoisyInput, TheGridFollowsTheClipOfTheRound) {
  JobSpec spec;
  spec.rounds.quorum = 5;
  spec.privacy.secure_aggregation = SecureAggregation{.clip = 2, .range = 0.5};
  spec.privacy.sites = SitePrivacy{.clip = 2, .adaptive = AdaptiveClip{0.5, 0.2, 4}};
  const TaskKey key{JobId{"heart-1"}, 1, 1, TaskKind::kTrain};
  const auto at_first = noisy_coding(spec, 5, 100, 2), later = noisy_coding(spec, 5, 100, 1e-3);
  ASSERT_TRUE(at_first && later);
  EXPECT_NEAR(at_first->step() / later->step(), 2e3, 1e-6);
  EXPECT_NEAR(at_first->longest() / later->longest(), 1, 1e-9);
}

// --- what the coordinator can tell of one member, from the sum ---

// How often the sum of three members, one of whom gave the whole clip or nothing, is above half of
// the clip.
double share_above(const NoisyCoding& coding, const SumNoise& noise, bool there, int sums,
                   RandomSource& random) {
  int above = 0;
  for (int i = 0; i < sums; ++i) {
    std::vector<std::uint32_t> sum(1, 0);
    for (int member = 0; member < 3; ++member) {
      const std::vector<float> given = {member == 0 && there ? 1.0F : 0.0F};
      sum[0] += coding.code(given, random)->numbers[0];
    }
    if (decoded(noise, coding, sum)[0] > 0.5) ++above;
  }
  return static_cast<double>(above) / sums;
}

// What the best test of the mean says epsilon is at least, but by a chance of e^-10 (Hoeffding).
double epsilon_at_least(double multiplier, double delta) {
  constexpr int kSums = 30'000;
  SumNoise noise = noise_of(32, 1);
  noise.members = noise.honest = 3;
  noise.multiplier = multiplier;
  const auto coding = NoisyCoding::make(noise);
  EXPECT_TRUE(coding);
  SeededRandom random(12);
  const double margin = std::sqrt(10 / (2.0 * kSums));
  const double with = share_above(*coding, noise, true, kSums, random) - margin;
  const double without = share_above(*coding, noise, false, kSums, random) + margin;
  return std::log((with - delta) / without);
}

// One sum of noise multiplier 1: at delta 0.01 a Gaussian mechanism costs epsilon 2.32 (Balle and
// Wang 2018, from delta = Phi(1/2 - e) - exp(e) Phi(-1/2 - e)).
TEST(NoisyInput, NobodyTellsFromTheSumMoreThanWasPromised) {
  const double epsilon = 2.32, delta = 0.01;
  const auto normal = [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; };
  ASSERT_NEAR(normal(0.5 - epsilon) - std::exp(epsilon) * normal(-0.5 - epsilon), delta, 1e-3);
  EXPECT_LE(epsilon_at_least(1, delta), epsilon);
  EXPECT_GT(epsilon_at_least(1, delta), 0.5) << "the test sees something";
  EXPECT_GT(epsilon_at_least(0.25, delta), epsilon) << "a fourth of the noise would be found";
}

}  // namespace
}  // namespace tributary
