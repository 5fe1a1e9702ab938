// SPDX-License-Identifier: Apache-2.0
#include "common/domain/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace tributary {
namespace {

double factor(const std::string& name, OptionMap options, std::uint32_t planned, RoundNumber round,
              std::int64_t warmup = 0) {
  options["warmup"] = warmup;
  return schedule_factor(**find_schedule(name), options, planned, round);
}

TEST(Schedule, ConstantIsOneInEveryRound) {
  for (const RoundNumber round : {1u, 2u, 50u, 51u, 1000u})
    EXPECT_EQ(factor("constant", {}, 50, round), 1.0);
}

TEST(Schedule, ExponentialIsAPowerOfTheRoundsThatAreOver) {
  for (const double decay : {0.5, 0.9, 0.99, 0.9999}) {
    for (RoundNumber round = 1; round <= 500; ++round) {
      const double power = std::pow(decay, round - 1.0);
      EXPECT_NEAR(factor("exponential", {{"decay", decay}}, 500, round), power, 1e-13 * power);
    }
  }
}

TEST(Schedule, StepFallsOnceInEveryStair) {
  const OptionMap options = {{"decay", 0.1}, {"every", std::int64_t{30}}};
  EXPECT_EQ(factor("step", options, 100, 1), 1.0);
  EXPECT_EQ(factor("step", options, 100, 30), 1.0);
  EXPECT_DOUBLE_EQ(factor("step", options, 100, 31), 0.1);
  EXPECT_DOUBLE_EQ(factor("step", options, 100, 60), 0.1);
  EXPECT_DOUBLE_EQ(factor("step", options, 100, 91), 0.001);
}

TEST(Schedule, CosineGoesFromOneToTheMinimum) {
  for (const double minimum : {0.0, 0.1}) {
    for (const std::uint32_t rounds : {1u, 2u, 3u, 15u, 1000u}) {
      for (RoundNumber round = 1; round <= rounds; ++round) {
        const double part = (round - 1.0) / rounds;
        const double want =
            minimum + (1.0 - minimum) * (1.0 + std::cos(std::numbers::pi * part)) / 2.0;
        EXPECT_NEAR(factor("cosine", {{"minimum", minimum}}, rounds, round), want, 1e-15)
            << rounds << " " << round;
      }
    }
  }
}

TEST(Schedule, AWarmUpRisesInEqualStepsAndTheScheduleFollowsIt) {
  const OptionMap options = {{"minimum", 0.0}};
  for (const RoundNumber round : {1u, 2u, 3u, 4u})
    EXPECT_DOUBLE_EQ(factor("cosine", options, 20, round, 4), round / 5.0);
  for (RoundNumber round = 5; round <= 20; ++round)
    EXPECT_EQ(factor("cosine", options, 20, round, 4), factor("cosine", options, 16, round - 4));
  EXPECT_EQ(factor("constant", {}, 20, 5, 4), 1.0);
}

// An operator made the job longer, or so short that it ends within the warm-up.
TEST(Schedule, RoundsBeyondThePlanKeepTheFactorOfItsLast) {
  const OptionMap options = {{"minimum", 0.0}};
  const double last = factor("cosine", options, 20, 20);
  EXPECT_GT(last, 0.0);
  for (const RoundNumber round : {21u, 22u, 100'000u})
    EXPECT_EQ(factor("cosine", options, 20, round), last);
  EXPECT_DOUBLE_EQ(factor("cosine", options, 3, 2, 4), 2.0 / 5.0);
  EXPECT_EQ(factor("cosine", options, 3, 6, 4), 1.0);
}

// Bits that were computed elsewhere: a machine whose library rounds differently gives them too.
TEST(Schedule, GivesTheSameBitsOnEveryMachine) {
  EXPECT_EQ(factor("exponential", {{"decay", 0.99}}, 100, 78), 0x1.d84a924907ad1p-2);
  EXPECT_EQ(factor("cosine", {{"minimum", 0.1}}, 100, 42, 5), 0x1.6f1fb4619f3dcp-1);
}

TEST(Schedule, AnUnknownNameIsToldWhatThereIs) {
  EXPECT_THAT(find_schedule("linear").error().message,
              testing::HasSubstr("there are: constant, exponential, step, cosine"));
}

}  // namespace
}  // namespace tributary
