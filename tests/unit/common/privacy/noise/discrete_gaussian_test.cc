// SPDX-License-Identifier: Apache-2.0
// Both samplers against the distribution as it is defined, by chi-squared and Kolmogorov-Smirnov
// tests. Their seeds are fixed: what passes does so each time. The limits are those of a false
// alarm in a million runs, and a sampler that is off by a few per cent does not pass.
#include "common/privacy/noise/discrete_gaussian.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace tributary {
namespace {

constexpr std::size_t kSamples = 200'000;

using Counts = std::map<std::int64_t, std::size_t>;

Counts draw(const DiscreteGaussian& noise, std::uint64_t seed, std::size_t samples = kSamples) {
  SeededRandom random(seed);
  Counts counts;
  for (std::size_t i = 0; i < samples; ++i) ++counts[noise.sample(random)];
  return counts;
}

// By definition, from the smallest addend on.
class Definition {
 public:
  explicit Definition(double sigma) : sigma_(sigma) {
    for (std::int64_t k = reach(); k > 0; --k) norm_ += 2 * weight(k);
    norm_ += 1;
  }
  std::int64_t reach() const { return static_cast<std::int64_t>(std::ceil(14 * sigma_)) + 2; }
  double mass(std::int64_t k) const { return weight(k) / norm_; }

 private:
  double weight(std::int64_t k) const {
    const auto x = static_cast<double>(k);
    return std::exp(-x * x / (2 * sigma_ * sigma_));
  }
  double sigma_;
  double norm_ = 0;
};

// How far a chi-squared figure is above its mean, in standard deviations (Wilson & Hilferty 1931).
double chi_squared_score(const Counts& counts, double sigma, std::size_t samples = kSamples) {
  const Definition expected(sigma);
  double statistic = 0, due = 0;
  std::size_t cells = 0, found = 0;
  for (std::int64_t k = -expected.reach(); k <= expected.reach(); ++k) {
    due += expected.mass(k) * static_cast<double>(samples);
    if (const auto one = counts.find(k); one != counts.end()) found += one->second;
    if (due < 20 && k < expected.reach()) continue;  // cells of rare values are put together
    if (due < 1) continue;
    const double apart = static_cast<double>(found) - due;
    statistic += apart * apart / due;
    ++cells;
    due = 0;
    found = 0;
  }
  const auto freedom = static_cast<double>(cells - 1);
  const double spread = 2 / (9 * freedom);
  return (std::cbrt(statistic / freedom) - (1 - spread)) / std::sqrt(spread);
}

// The largest distance of two distribution functions, times the root of the samples.
double kolmogorov(const Counts& one, const Counts& other) {
  std::int64_t ahead = 0, largest = 0;
  Counts both = one;
  for (const auto& [value, count] : other) both.try_emplace(value, 0);
  for (const auto& [value, count] : both) {
    ahead += static_cast<std::int64_t>(count);
    if (const auto found = other.find(value); found != other.end())
      ahead -= static_cast<std::int64_t>(found->second);
    largest = std::max(largest, std::abs(ahead));
  }
  const auto samples = static_cast<double>(kSamples);
  return static_cast<double>(largest) / samples * std::sqrt(samples / 2);
}

constexpr double kScoreMax = 4.9;        // one in two million
constexpr double kKolmogorovMax = 2.69;  // 2 exp(-2 x^2): one in a million

class DiscreteGaussianTest : public testing::TestWithParam<double> {};

TEST_P(DiscreteGaussianTest, BothSamplersFollowTheDefinition) {
  const auto exact = *make_exact_gaussian(GetParam()), table = *make_table_gaussian(GetParam());
  ASSERT_EQ(exact->sigma(), table->sigma());
  EXPECT_GE(exact->sigma(), GetParam());
  EXPECT_LT(exact->sigma(), GetParam() + 1 / (131'000 * GetParam()));
  const Counts by_rejection = draw(*exact, 1), by_table = draw(*table, 2);
  EXPECT_LT(chi_squared_score(by_rejection, exact->sigma()), kScoreMax);
  EXPECT_LT(chi_squared_score(by_table, table->sigma()), kScoreMax);
  EXPECT_LT(kolmogorov(by_rejection, by_table), kKolmogorovMax);
}

TEST_P(DiscreteGaussianTest, ASamplerThatIsOffByFivePerCentDoesNotPass) {
  const auto table = *make_table_gaussian(GetParam() * 1.05);
  EXPECT_GT(chi_squared_score(draw(*table, 3), GetParam()), kScoreMax);
}

INSTANTIATE_TEST_SUITE_P(Sigmas, DiscreteGaussianTest, testing::Values(0.4, 1.0, 2.5, 17.3, 250.0));

// The theta function of Jacobi: 1 / sum exp(-k^2 / 2).
TEST(DiscreteGaussianRange, ZeroHasItsKnownProbability) {
  const auto counts = draw(**make_table_gaussian(1.0), 4);
  const double share = static_cast<double>(counts.at(0)) / kSamples;
  EXPECT_NEAR(share, 0.39894228, 5 * std::sqrt(0.4 * 0.6 / kSamples));
}

TEST(DiscreteGaussianRange, TheLargestHaveTheirMomentsAndNoOthersAreMade) {
  for (const double sigma : {kTableSigmaMax, kSigmaMax}) {
    const auto noise = *make_exact_gaussian(sigma);
    double sum = 0, squares = 0;
    constexpr std::size_t kFew = 40'000;
    for (const auto& [value, count] : draw(*noise, 5, kFew)) {
      const double x = static_cast<double>(value) / sigma, times = static_cast<double>(count);
      sum += times * x;
      squares += times * x * x;
    }
    EXPECT_NEAR(sum / kFew, 0, 5 / std::sqrt(kFew));
    EXPECT_NEAR(squares / kFew, 1, 5 * std::sqrt(2.0 / kFew));
  }
  for (const double wrong : {0.0, -1.0, 0.01, 2 * kSigmaMax, std::nan("")}) {
    EXPECT_FALSE(make_exact_gaussian(wrong)) << wrong;
    EXPECT_FALSE(make_table_gaussian(wrong)) << wrong;
  }
  EXPECT_FALSE(make_table_gaussian(2 * kTableSigmaMax));
}

}  // namespace
}  // namespace tributary
