// SPDX-License-Identifier: Apache-2.0
// Samples and noise of a private training against their definitions. Everything is drawn from
// seeds: a test that fails does so each time.
#include "client/learning/record_privacy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr RecordPrivacy kRecords{
    .clip = 1.0, .noise_multiplier = 1.0, .delta = 1e-5, .max_epsilon = 8};

// Far in the tail of chi-squared with `degrees` degrees: Wilson and Hilferty's approximation at six
// standard deviations, a chance of 1e-9.
double chi_squared_limit(double degrees) {
  const double part = 2 / (9 * degrees);
  return degrees * std::pow(1 - part + 6 * std::sqrt(part), 3);
}

TEST(RecordPrivacy, AnEventIsWhatATrainingDoes) {
  TrainSpec train;
  train.batch_size = 32;
  train.epochs = 3;
  EXPECT_EQ(training_event(kRecords, train, 100),
            (DpEvent{DpMechanism::kGaussian, DpSampling::kPoisson, 0.32, 1.0, 12}));
  train.steps = 7;
  EXPECT_EQ(training_event(kRecords, train, 100).steps, 7u);
  for (const std::int64_t all : {0, 100, 4000}) {
    train.batch_size = all;
    const DpEvent event = training_event(kRecords, train, 100);
    EXPECT_EQ(event.sampling, DpSampling::kEverything) << all;
    EXPECT_EQ(event.rate, 1);
    EXPECT_EQ(planned_batch(train, 100), 100u);
  }
}

TEST(RecordPrivacy, EachRowIsDrawnByItsRateWhateverTheOthersDo) {
  constexpr std::uint64_t kRows = 50, kBatch = 10;
  constexpr int kDraws = 20'000;
  SeededRandom random(5);
  PoissonBatches batches(kRows, kBatch, random);
  std::vector<double> drawn(kRows, 0), with_first(kRows, 0);
  double sizes = 0, squares = 0, empty = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto rows = batches.next();
    const double size = static_cast<double>(rows.size());
    sizes += size, squares += size * size, empty += rows.empty() ? 1 : 0;
    for (const std::uint32_t row : rows) {
      drawn[row] += 1;
      if (rows.front() == 0) with_first[row] += 1;
    }
  }
  const double rate = 0.2, expected = rate * kDraws, variance = expected * (1 - rate);
  double each = 0, pairs = 0;
  for (std::size_t row = 0; row < kRows; ++row) {
    each += (drawn[row] - expected) * (drawn[row] - expected) / variance;
    const double together = rate * drawn[0];
    if (row > 0)
      pairs +=
          (with_first[row] - together) * (with_first[row] - together) / (together * (1 - rate));
  }
  EXPECT_LT(each, chi_squared_limit(kRows));
  EXPECT_LT(pairs, chi_squared_limit(kRows - 1));
  const double mean = sizes / kDraws, spread = squares / kDraws - mean * mean;
  EXPECT_NEAR(mean, kBatch, 6 * std::sqrt(8.0 / kDraws));
  EXPECT_NEAR(spread, kRows * rate * (1 - rate), 0.6) << "sizes vary as a binomial's";
  EXPECT_NEAR(empty / kDraws, std::pow(0.8, 50), 1e-4) << "and may be nothing";
}

TEST(RecordPrivacy, WhoeverWantsAllRowsGetsThemWithoutChance) {
  SeededRandom random(5);
  PoissonBatches batches(20, 20, random);
  std::vector<std::uint32_t> all(20);
  std::iota(all.begin(), all.end(), 0u);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(batches.next(), testing::ElementsAreArray(all));
}

// On a grid of 2^-19 each value is a whole number of steps, which a float holds.
std::vector<double> steps_of_noise(std::size_t count, double sum) {
  const auto noise = GradientNoise::make(kRecords, count);
  EXPECT_TRUE(noise);
  EXPECT_EQ(noise->step(), std::ldexp(1.0, -19));
  SeededRandom random(11);
  std::vector<float> mean(count);
  noise->apply(std::vector<double>(count, sum), 1, mean, random);
  std::vector<double> steps;
  for (const float value : mean) steps.push_back(static_cast<double>(value) / noise->step());
  return steps;
}

TEST(RecordPrivacy, NoiseIsAGaussianInWholeSteps) {
  constexpr std::size_t kCount = 100'000;
  const double sigma = std::ldexp(1.0, 19);
  double sum = 0, squares = 0;
  // Between the quantiles that cut the normal distribution into sixteen; Abramowitz and
  // Stegun 26.2.
  constexpr double kCuts[] = {0,        0.157311, 0.318639, 0.488776,
                              0.674490, 0.887147, 1.150349, 1.534121};
  std::vector<double> bins(16, 0), residues(32, 0);
  for (const double steps : steps_of_noise(kCount, 0)) {
    ASSERT_EQ(steps, std::round(steps));
    sum += steps, squares += steps * steps;
    const double size = std::abs(steps) / sigma;
    const auto bin = std::upper_bound(std::begin(kCuts), std::end(kCuts), size) - kCuts - 1;
    ++bins[static_cast<std::size_t>(steps < 0 ? 7 - bin : 8 + bin)];
    ++residues[static_cast<std::size_t>(static_cast<std::int64_t>(steps) & 31)];
  }
  EXPECT_NEAR(sum / kCount / sigma, 0, 6 / std::sqrt(double{kCount}));
  EXPECT_NEAR(squares / kCount / (sigma * sigma), 1, 6 * std::sqrt(2.0 / kCount));
  const auto chi_squared = [](const std::vector<double>& found) {
    const double expected = double{kCount} / static_cast<double>(found.size());
    double total = 0;
    for (const double one : found) total += (one - expected) * (one - expected) / expected;
    return total;
  };
  EXPECT_LT(chi_squared(bins), chi_squared_limit(15));
  EXPECT_LT(chi_squared(residues), chi_squared_limit(31)) << "the last bits say nothing";
}

TEST(RecordPrivacy, TheBitsOfASumDoNotShowThroughTheGrid) {
  // Sums that differ by less than half a step give the same, so their last bits are gone.
  EXPECT_EQ(steps_of_noise(100, 0.25), steps_of_noise(100, 0.25 + std::ldexp(1.0, -21)));
  EXPECT_NE(steps_of_noise(100, 0.25), steps_of_noise(100, 0.25 + std::ldexp(1.0, -19)));
}

TEST(RecordPrivacy, WhatTheGridMayAddIsTakenFromTheClip) {
  const double step = std::ldexp(1.0, -19);
  for (const std::size_t values : {1u, 100u, 1'000'000u}) {
    const auto noise = GradientNoise::make(kRecords, values);
    ASSERT_TRUE(noise);
    // Two sums that a clipped row tells apart, on the grid: at most clip + root(values) steps.
    const double moved = noise->clip() + step * std::sqrt(static_cast<double>(values));
    EXPECT_LT(moved, kRecords.clip) << values;
    EXPECT_GT(noise->clip(), 0.997) << values << ": and hardly anything is lost";
  }
  RecordPrivacy loud = kRecords;
  loud.noise_multiplier = 1000;
  const auto coarse = GradientNoise::make(loud, 1'000'000);
  ASSERT_FALSE(coarse);
  EXPECT_THAT(coarse.error().message, HasSubstr("smaller model"));
}

TEST(RecordPrivacy, NoiseScalesWithClipAndMultiplierAndIsDividedByThePlannedBatch) {
  RecordPrivacy records = kRecords;
  records.clip = 0.25;
  records.noise_multiplier = 2;
  const auto noise = GradientNoise::make(records, 20'000);
  ASSERT_TRUE(noise);
  SeededRandom random(3);
  std::vector<float> mean(20'000);
  noise->apply(std::vector<double>(mean.size(), 10.0), 50, mean, random);
  double sum = 0, squares = 0;
  for (const float one : mean) {
    const double off = static_cast<double>(one) - 10.0 / 50;
    sum += off, squares += off * off;
  }
  const double sigma = 0.25 * 2 / 50, count = static_cast<double>(mean.size());
  EXPECT_NEAR(sum / count, 0, 6 * sigma / std::sqrt(count));
  EXPECT_NEAR(squares / count, sigma * sigma, 6 * std::sqrt(2 / count) * sigma * sigma);
}

}  // namespace
}  // namespace tributary
