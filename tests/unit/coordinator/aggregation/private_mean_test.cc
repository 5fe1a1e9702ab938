// SPDX-License-Identifier: Apache-2.0
// The private mean against references in double: what an update adds, the size of the noise, the
// divisor, and where the adaptive clip comes to rest. Seeds are fixed; limits of statistics are
// five of their standard deviations.
#include "coordinator/aggregation/private_mean.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/unit/coordinator/aggregation/cohort.h"

namespace tributary {
namespace {

using testing::HasSubstr;

SitePrivacy promise(double clip, double noise_multiplier) {
  SitePrivacy promise;
  promise.clip = clip;
  promise.noise_multiplier = noise_multiplier;
  return promise;
}

AggregationSpec plain() {
  AggregationSpec spec;
  spec.server_optimizer.options = {{"learning_rate", 1.0}};
  return spec;
}

// The model that a round makes of zeros: the joint update.
Result<std::vector<float>> made_of(const Cohort& cohort, const SitePrivacy& promise, double clip,
                                   std::uint64_t sites, RandomSource& random,
                                   double* next_clip = nullptr) {
  const std::size_t values = cohort.layout().element_count();
  TRIB_TRY(privacy, PrivateMean::open(promise, clip, sites, values, random));
  TRIB_TRY(round, RoundAggregate::open(plain(), cohort.layout(), 100, 0, one_after_another, {},
                                       std::move(privacy)));
  for (std::size_t site = 0; site < cohort.size(); ++site) TRIB_CHECK_OK(cohort.add(site, *round));
  const Model base{cohort.layout(), std::vector<float>(values, 0.0f)};
  Model next{cohort.layout(), {}};
  ModelSource from(base);
  ModelSink into(next);
  TRIB_TRY(outcome, round->finish({from, into}));
  if (next_clip != nullptr) *next_clip = outcome.next_clip;
  return next.values;
}

// Sum of x * min(1, clip / |x|), divided by the planned number.
Vector clipped_mean(const Cohort& cohort, double clip, double sites) {
  Vector mean(cohort.updates[0].values.size(), 0.0);
  for (const Vector& update : cohort.vectors()) {
    double squares = 0.0;
    for (const double value : update) squares += value * value;
    const double factor = std::min(1.0, clip / std::sqrt(squares));
    for (std::size_t c = 0; c < mean.size(); ++c) mean[c] += update[c] * factor / sites;
  }
  return mean;
}

// Of what the noise did to each coordinate.
double deviation(const std::vector<float>& got, const Vector& expected) {
  double squares = 0.0;
  for (std::size_t c = 0; c < got.size(); ++c) {
    const double apart = static_cast<double>(got[c]) - expected[c];
    squares += apart * apart;
  }
  return std::sqrt(squares / static_cast<double>(got.size()));
}

constexpr std::size_t kValues = 20'000;

TEST(PrivateMean, ClipsEachUpdateWeighsItOnceAndDividesByWhatWasPlanned) {
  const Cohort cohort = Cohort::random(7, 300, 1);
  ASSERT_GT(cohort.facts[0].norm, 10.0);
  for (const double clip : {0.5, 12.0, 1000.0}) {
    SeededRandom random(2);
    const auto got = made_of(cohort, promise(clip, 0.01), clip, 10, random);  // hardly any noise
    ASSERT_TRUE(got) << got.error().message;
    const Vector expected = clipped_mean(cohort, clip, 10);
    for (std::size_t c = 0; c < expected.size(); ++c) {
      EXPECT_NEAR(static_cast<double>((*got)[c]), expected[c], 6 * 0.01 * clip / 10)
          << "clip " << clip << ", coordinate " << c;
    }
    EXPECT_LT(std::abs(deviation(*got, expected) / (0.01 * clip / 10) - 1.0),
              5 / std::sqrt(2.0 * 300) + 1e-3);
  }
}

TEST(PrivateMean, ItsNoiseIsAsLargeAsPromisedAndAFactorWouldBeFound) {
  const Cohort cohort = Cohort::random(5, kValues, 3);
  const double clip = 2.0, z = 1.3, sites = 8.0;
  const Vector expected = clipped_mean(cohort, clip, sites);
  const double promised = z * clip / sites, tolerance = 5 / std::sqrt(2.0 * kValues);
  SeededRandom random(4);
  const auto got = made_of(cohort, promise(clip, z), clip, 8, random);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_NEAR(deviation(*got, expected) / promised, 1.0, tolerance);
  // The tests that a wrong implementation would have to pass: noise of 1 / n, or of another clip.
  for (const double wrong : {0.95, 1.05, std::sqrt(2.0), 1.0 / std::numbers::sqrt2}) {
    SeededRandom other(5);
    const auto off = made_of(cohort, promise(clip, z * wrong), clip, 8, other);
    ASSERT_TRUE(off);
    EXPECT_GT(std::abs(deviation(*off, expected) / promised - 1.0), tolerance) << wrong;
  }
}

// In steps of the grid, with the rounding in it: the bound of which the noise is a multiple.
TEST(PrivateMean, NoUpdateMovesTheSumByMoreThanTheClip) {
  SeededRandom values(6);
  for (const double z : {0.01, 1.0, 40.0}) {
    for (const float size : {1e-4f, 1.0f, 700.0f}) {
      Model update{{{{"w", {5000}}}}, std::vector<float>(5000)};
      for (float& value : update.values) value = size * static_cast<float>(values.normal());
      SeededRandom random(7);
      const auto privacy = *PrivateMean::open(promise(0.3, z), 0.3, 4, 5000, random);
      ExactSum sum(5000, privacy->scale());
      sum.add_scaled(0, StoredValues::of(update.values), privacy->take(Cohort::norm_of(update)));
      long double squares = 0.0L;
      for (const std::int64_t step : sum.steps(0, 5000))
        squares += static_cast<long double>(step) * static_cast<long double>(step);
      const double length = std::ldexp(static_cast<double>(std::sqrt(squares)), -privacy->scale());
      EXPECT_LE(length, 0.3);
      if (size < 0.1f) continue;
      EXPECT_GT(length, 0.29) << "and makes full use of it";
    }
  }
}

TEST(PrivateMean, FreshNoiseEachTimeAndTheSameSumBelowIt) {
  const Cohort cohort = Cohort::random(3, 64, 8);
  SeededRandom random(9), replayed(9);
  const auto first = made_of(cohort, promise(1.0, 1.0), 1.0, 3, random);
  const auto second = made_of(cohort, promise(1.0, 1.0), 1.0, 3, random);
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(*first, *made_of(cohort, promise(1.0, 1.0), 1.0, 3, replayed));
}

TEST(PrivateMean, WhatCannotBeHiddenIsRefused) {
  SeededRandom random(1);
  const auto refused = [&](const SitePrivacy& promise, double clip, std::uint64_t sites,
                           std::size_t values) {
    const auto opened = PrivateMean::open(promise, clip, sites, values, random);
    return opened ? std::string() : opened.error().message;
  };
  EXPECT_EQ(refused(promise(1.0, 1.0), 1.0, 4, 1'000'000), "");
  EXPECT_THAT(refused(promise(1.0, 5000.0), 1.0, 4, 1'000'000), HasSubstr("noise_multiplier"));
  EXPECT_THAT(refused(promise(1.0, 1.0), 0.0, 4, 10), HasSubstr("clip"));
  EXPECT_THAT(refused(promise(1.0, 1.0), 1.0, 0, 10), HasSubstr("number of sites"));
  SitePrivacy all_for_the_count = promise(1.0, 1.0);
  all_for_the_count.adaptive = AdaptiveClip{.count_noise = 0.5};
  EXPECT_THAT(refused(all_for_the_count, 1.0, 4, 10), HasSubstr("count"));
  AggregationSpec median = plain();
  median.rule.name = "median";
  const Layout layout{{{"w", {3}}}};
  EXPECT_FALSE(RoundAggregate::open(median, layout, 4, 0, one_after_another, {},
                                    *PrivateMean::open(promise(1, 1), 1.0, 4, 3, random)));
}

// Both parts together are one Gaussian mechanism of the promised multiplier: the update moves the
// sum by a clip, and the count, of which each site has a half more or less, by a half.
TEST(AdaptiveClipping, TheCountAndTheSumCostTogetherWhatIsPromised) {
  for (const double z : {0.5, 1.0, 2.2}) {
    SitePrivacy adaptive = promise(1.0, z);
    adaptive.adaptive = AdaptiveClip{.count_noise = 5.0};
    const double sum = noise_multiplier_of_sum(adaptive);
    const double rho_of_sum = 1.0 / (2 * sum * sum), rho_of_count = 0.25 / (2 * 5.0 * 5.0);
    EXPECT_NEAR(rho_of_sum + rho_of_count, 1.0 / (2 * z * z), 1e-12);
    EXPECT_GT(sum, z);
  }
  EXPECT_EQ(noise_multiplier_of_sum(promise(1.0, 0.7)), 0.7);
}

// Norms that are exponentially distributed with mean 3: their quantile q is -3 ln(1 - q).
TEST(AdaptiveClipping, ComesToRestAtTheQuantileOfTheNorms) {
  for (const double quantile : {0.2, 0.5, 0.8}) {
    SitePrivacy adaptive = promise(0.01, 1.0);
    adaptive.adaptive = AdaptiveClip{quantile, 0.2, 10.0};
    SeededRandom random(11), norms(12);
    double clip = adaptive.clip, sum = 0.0;
    constexpr int kRounds = 400, kAfter = 200, kSites = 200;
    for (int round = 0; round < kRounds; ++round) {
      const auto privacy = *PrivateMean::open(adaptive, clip, kSites, 10, random);
      for (int site = 0; site < kSites; ++site) privacy->take(-3.0 * std::log1p(-norms.uniform()));
      clip = privacy->next_clip();
      if (round >= kRounds - kAfter) sum += clip;
    }
    EXPECT_NEAR(sum / kAfter, -3.0 * std::log1p(-quantile), 0.15) << quantile;
  }
}

// One step by hand: 3 of 4 within the clip, without noise to speak of against 1000 planned sites.
TEST(AdaptiveClipping, AStepIsGeometricAndTheRoundTellsIt) {
  Cohort cohort = Cohort::random(4, 10, 13);
  const std::vector<double> sizes = {0.1, 0.2, 0.3, 5.0};
  for (std::size_t s = 0; s < 4; ++s) {
    std::vector<float> values(10, 0.0f);
    values[0] = static_cast<float>(sizes[s]);
    cohort.replace(s, values);
  }
  SitePrivacy adaptive = promise(1.0, 0.1);
  adaptive.adaptive = AdaptiveClip{0.25, 0.7, 0.06};
  SeededRandom random(14);
  double next = 0.0;
  ASSERT_TRUE(made_of(cohort, adaptive, 1.0, 4, random, &next));
  EXPECT_NEAR(next, std::exp(-0.7 * (0.75 - 0.25)), 1e-12) << "so little noise on a count is none";
  ASSERT_TRUE(made_of(cohort, promise(1.0, 0.1), 1.0, 4, random, &next));
  EXPECT_EQ(next, 1.0) << "a clip that is not adaptive stays";
}

}  // namespace
}  // namespace tributary
