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
        fold_fp32(values, std::ldexp(weight, scale), sums);
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
    fold_fp32(values, factor, sums);
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

// By the definition of IEEE 754; what is no number keeps its sign and payload.
float fp16_twin(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const std::uint32_t fraction = bits & 0x3ffu;
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  const double size =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024.0 + fraction, exponent - 25);
  return std::copysign(static_cast<float>(size), sign != 0 ? -1.0f : 1.0f);
}

float bf16_twin(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

// All 65536 of them, from any place and up to any place.
TEST_P(Kernels, WidensEveryHalfToTheBitsOfTheScalarTwin) {
  for (const auto& [widen, twin] :
       {std::pair(&widen_fp16, &fp16_twin), std::pair(&widen_bf16, &bf16_twin)}) {
    for (const std::size_t skip : {0u, 1u, 3u, 65'500u, 65'536u}) {
      std::vector<std::uint16_t> halves;
      std::vector<float> expected;
      for (std::size_t bits = skip; bits < 65'536; ++bits) {
        halves.push_back(static_cast<std::uint16_t>(bits));
        expected.push_back(twin(halves.back()));
      }
      std::vector<float> values(halves.size(), 5.0f);
      widen(halves, values);
      ASSERT_EQ(bits_of(values), bits_of(expected)) << skip;
    }
  }
}

TEST_P(Kernels, WidensWholeNumbersToTheBitsOfTheScalarTwin) {
  for (const float scale : {0.0f, 1.0f, 0.1f, 1e-40f, 1e-45f, 1.3e36f}) {
    for (const std::size_t skip : {0u, 1u, 2u, 5u, 250u, 256u}) {
      std::vector<std::int8_t> quanta;
      std::vector<float> expected;
      for (int quantum = -128 + static_cast<int>(skip); quantum < 128; ++quantum) {
        quanta.push_back(static_cast<std::int8_t>(quantum));
        expected.push_back(static_cast<float>(double{scale} * quantum));
      }
      std::vector<float> values(quanta.size(), 5.0f);
      widen_int8(quanta, scale, values);
      ASSERT_EQ(values, expected) << scale << " " << skip;
    }
  }
}

// Every half that a sum of the round may have, from any place: the twins one after the other.
TEST_P(Kernels, FoldsHalvesToTheBitsOfWideningAndFolding) {
  for (const auto& [fold, twin] :
       {std::pair(&fold_fp16, &fp16_twin), std::pair(&fold_bf16, &bf16_twin)}) {
    for (const std::size_t skip : {0u, 1u, 3u, 65'500u}) {
      for (const double factor : {1.0, 0x1p40, 3.0 * 0x1p24}) {
        std::vector<std::uint16_t> halves;
        std::vector<float> values;
        for (std::size_t bits = skip; bits < 65'536; ++bits) {
          const float value = twin(static_cast<std::uint16_t>(bits));
          if (!(std::abs(value) <= 65'504.0f)) continue;
          halves.push_back(static_cast<std::uint16_t>(bits));
          values.push_back(value);
        }
        std::vector<std::int64_t> sums(halves.size(), -5), expected = sums;
        fold(halves, factor, sums);
        fold_twin(values, factor, expected);
        ASSERT_EQ(sums, expected) << skip << ", " << factor;
      }
    }
  }
}

TEST_P(Kernels, FoldsWholeNumbersToTheBitsOfWideningAndFolding) {
  for (const float scale : {0.0f, 1.0f, 0.1f, 1e-40f, 0.3e5f}) {
    for (const std::size_t skip : {0u, 1u, 2u, 5u, 250u, 256u}) {
      std::vector<std::int8_t> quanta;
      std::vector<float> values;
      for (int quantum = -128 + static_cast<int>(skip); quantum < 128; ++quantum) {
        quanta.push_back(static_cast<std::int8_t>(quantum));
        values.push_back(static_cast<float>(double{scale} * quantum));
      }
      std::vector<std::int64_t> sums(quanta.size(), 7), expected = sums;
      fold_int8(quanta, scale, 0x1.8p30, sums);
      fold_twin(values, 0x1.8p30, expected);
      ASSERT_EQ(sums, expected) << scale << " " << skip;
    }
  }
}

// By division, in 64 bits.
TEST_P(Kernels, AddsWordsModuloAPowerOfTwo) {
  SeededRandom random(3);
  for (const int bits : {1, 16, 20, 24, 31, 32}) {
    const std::uint64_t modulus = std::uint64_t{1} << bits;
    for (const std::size_t count : {0u, 1u, 7u, 16u, 1'000u, 4'099u}) {
      std::vector<std::uint32_t> sums(count), addends(count), expected(count);
      for (std::size_t i = 0; i < count; ++i) {
        // Also words with more bits, and those that wrap by one.
        sums[i] = static_cast<std::uint32_t>(random.uniform_below(std::uint64_t{1} << 32));
        addends[i] = i % 3 == 0 ? static_cast<std::uint32_t>(modulus - sums[i] % modulus)
                                : static_cast<std::uint32_t>(random.uniform_below(modulus));
        expected[i] = static_cast<std::uint32_t>(
            (std::uint64_t{sums[i]} + std::uint64_t{addends[i]}) % modulus);
      }
      add_modular(addends, bits, sums);
      ASSERT_EQ(sums, expected) << bits << " bits, " << count;
    }
  }
}

TEST_P(Kernels, MasksCancelWhateverTheOrder) {
  SeededRandom random(4);
  constexpr std::size_t kCount = 1'003;
  const std::uint32_t words = 1u << 20;
  std::vector<std::uint32_t> plain(kCount), mask(kCount), against(kCount), sums(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    plain[i] = static_cast<std::uint32_t>(random.uniform_below(words));
    mask[i] = static_cast<std::uint32_t>(random.uniform_below(words));
    against[i] = (words - mask[i]) % words;
  }
  for (const auto& addend : {mask, plain, against}) add_modular(addend, 20, sums);
  EXPECT_EQ(sums, plain);
}

TEST_P(Kernels, AddsSumsModulo2To64) {
  SeededRandom random(5);
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  for (const std::size_t count : {0u, 1u, 7u, 16u, 1'000u, 4'099u}) {
    std::vector<std::int64_t> sums(count), addends(count), expected(count);
    for (std::size_t i = 0; i < count; ++i) {
      sums[i] = i % 5 == 0 ? kMost : static_cast<std::int64_t>(random.uniform_below(kMost)) - 7;
      addends[i] = i % 10 == 0 ? 1 : static_cast<std::int64_t>(random.uniform_below(1000)) - 500;
      expected[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(sums[i]) +
                                              static_cast<std::uint64_t>(addends[i]));
    }
    add_modular(addends, sums);
    ASSERT_EQ(sums, expected) << count;
  }
}

INSTANTIATE_TEST_SUITE_P(EachTarget, Kernels,
                         ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& target) {
                           return std::string(hwy::TargetName(target.param));
                         });

}  // namespace
}  // namespace tributary
