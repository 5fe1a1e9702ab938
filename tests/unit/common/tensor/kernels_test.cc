// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/kernels.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "common/base/random_source.h"

namespace tributary {
namespace {

// --- scalar twins: one operation after another ---
void fold_twin(std::span<const float> values, double factor, std::span<std::int64_t> sums) {
  for (std::size_t i = 0; i < values.size(); ++i)
    sums[i] += static_cast<std::int64_t>(std::rint(static_cast<double>(values[i]) * factor));
}

double squares_twin(std::span<const float> values) {
  std::vector<double> partials(16);
  for (std::size_t i = 0; i < values.size(); ++i)
    partials[i % 16] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t p = 0; p < half; ++p) partials[p] += partials[p + half];
  }
  return partials[0];
}

// Values of all sizes, among them exact halves after the multiplication by a power of two.
std::vector<float> some_values(std::size_t count, std::uint64_t seed) {
  SeededRandom random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    const double size =
        std::ldexp(random.uniform() - 0.5, static_cast<int>(random.uniform_below(40)) - 39);
    value = static_cast<float>(
        random.uniform_below(3) == 0 ? std::ldexp(std::rint(size * 4096.0), -13) : size);
  }
  return values;
}

// Each test runs once for every instruction set that this machine has.
class Kernels : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    hwy::GetChosenTarget().DeInit();
  }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().DeInit();
  }
};

TEST_P(Kernels, FoldsToTheBitsOfTheScalarTwin) {
  for (const std::size_t count : {0u, 1u, 7u, 16u, 1'000u, 16'387u}) {
    for (const int scale : {0, 12, 30, 60}) {
      const std::vector<float> values = some_values(count, count + 1);
      std::vector<std::int64_t> sums(count, -5), expected(count, -5);
      for (const double weight : {1.0, 3.0}) {
        fold_fixed_point(values, std::ldexp(weight, scale), sums);
        fold_twin(values, std::ldexp(weight, scale), expected);
      }
      ASSERT_EQ(sums, expected) << count << " values, scale " << scale;
    }
  }
}

TEST_P(Kernels, RoundsHalvesToEvenAtAnySize) {
  std::vector<float> values;
  for (const float whole : {0.0f, 1.0f, 2.0f, 3.0f, 1048575.0f, 4194303.0f}) {
    for (const float half : {0.5f, -0.5f}) values.push_back(whole + half);
  }
  for (const double factor : {1.0, 0x1p20, 0x1p39, 0x1.8p38}) {
    std::vector<std::int64_t> sums(values.size()), expected(values.size());
    fold_fixed_point(values, factor, sums);
    fold_twin(values, factor, expected);
    EXPECT_EQ(sums, expected) << factor;
  }
}

TEST_P(Kernels, AddsSquaresInOneOrder) {
  for (const std::size_t count : {0u, 1u, 15u, 16u, 17u, 4'099u, 16'384u}) {
    const std::vector<float> values = some_values(count, count);
    const BlockFacts facts = examine_block(values, 1e9);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(facts.squares),
              std::bit_cast<std::uint64_t>(squares_twin(values)));
    EXPECT_TRUE(facts.within);
  }
}

TEST_P(Kernels, SeesTheOneValueThatIsOutOfBounds) {
  const std::size_t count = 100;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity(), 2.0f, -2.0f}) {
    for (std::size_t at = 0; at < count; ++at) {
      std::vector<float> values(count, 1.5f);
      EXPECT_TRUE(examine_block(values, 1.5).within);
      values[at] = bad;
      EXPECT_FALSE(examine_block(values, 1.5).within) << bad << " at " << at;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EachTarget, Kernels,
                         ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& target) { return std::string(hwy::TargetName(target.param)); });

}  // namespace
}  // namespace tributary
