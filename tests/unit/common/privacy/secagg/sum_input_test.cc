// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_input.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "common/privacy/secagg/input_sum.h"

namespace tributary {
namespace {

std::vector<float> update(std::size_t size, double norm, std::uint64_t seed) {
  SeededRandom random(seed);
  std::vector<float> values(size);
  double squares = 0;
  for (float& value : values) {
    value = static_cast<float>(random.normal());
    squares += static_cast<double>(value) * value;
  }
  for (float& value : values) value *= static_cast<float>(norm / std::sqrt(squares));
  return values;
}

// Against the weighted sum in float64.
TEST(SumInput, TheSumOfCodedUpdatesIsTheirSumToTheRounding) {
  for (const unsigned bits : {16u, 20u, 24u, 32u}) {
    SCOPED_TRACE(bits);
    const SumCoding coding{bits, 1.0, 0.2, 10};
    SeededRandom random(1);
    std::vector<double> exact(400, 0.0);
    InputSum sum(400, bits, kSumFigures);
    for (std::uint64_t i = 0; i < 10; ++i) {
      const std::vector<float> values = update(400, 0.9, i);
      const double share = 0.1 * static_cast<double>(i + 1);
      const auto coded = *code_update(coding, values, share, random);
      EXPECT_EQ(coded.saturated, 0u);
      EXPECT_FALSE(coded.clipped);
      EXPECT_NEAR(coded.norm, 0.9, 1e-6);
      sum.add(0, pack_input(coded.numbers, bits, wide_numbers({})));
      for (std::size_t k = 0; k < 400; ++k) exact[k] += share * static_cast<double>(values[k]);
    }
    std::vector<double> decoded(400);
    decode_numbers(coding.bits, coding.step(), sum.numbers(), decoded);
    double error = 0;
    for (std::size_t k = 0; k < 400; ++k) {
      EXPECT_LE(std::abs(decoded[k] - exact[k]), 10 * coding.step());
      error += decoded[k] - exact[k];
    }
    // Rounding by chance: no drift. Its deviation is below sqrt(4000) / 2 steps.
    EXPECT_LT(std::abs(error), 5 * 32 * coding.step());
  }
}

TEST(SumInput, ALongUpdateIsMadeShorterAndABigCoordinateSmaller) {
  const SumCoding coding{32, 1.0, 0.5, 3};
  SeededRandom random(2);
  const std::vector<float> values = {3.0F, 4.0F};
  const auto coded = *code_update(coding, values, 1.0, random);
  EXPECT_TRUE(coded.clipped);
  EXPECT_EQ(coded.saturated, 2u);
  std::vector<double> decoded(2);
  decode_numbers(coding.bits, coding.step(), coded.numbers, decoded);
  EXPECT_NEAR(decoded[0], 0.5, 1e-6) << "0.6 after the clip";
  EXPECT_NEAR(decoded[1], 0.5, 1e-6) << "0.8 after the clip";
  const auto negative = *code_update({32, 10.0, 10.0, 3}, std::vector<float>{-2.5F}, 0.5, random);
  decode_numbers(32, SumCoding{32, 10.0, 10.0, 3}.step(), negative.numbers,
                 std::span(decoded).first(1));
  EXPECT_NEAR(decoded[0], -1.25, 1e-6);
}

TEST(SumInput, NoSetOfMembersCanMakeTheSumGoRound) {
  for (const unsigned bits : {16u, 20u, 24u, 32u}) {
    for (const std::uint64_t members : {3ull, 100ull, 1000ull}) {
      const SumCoding coding{bits, 1.0, 1.0, members};
      EXPECT_LT(coding.largest() * static_cast<std::int64_t>(members),
                std::int64_t{1} << (bits - 1));
    }
  }
  EXPECT_TRUE(check_coding({16, 1, 1, 1000}));
  EXPECT_FALSE(check_coding({16, 1, 1, 3000}));
}

TEST(SumInput, WhatIsNotFiniteIsRefused) {
  SeededRandom random(3);
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")})
    EXPECT_FALSE(code_update({}, std::vector<float>{0.0F, bad}, 1.0, random));
}

TEST(SumInput, FiguresAreSummedExactlyNegativeOnesToo) {
  const SumFigures one{100, 120, -5, 1, 0, 7}, other{3, 4, 2, 0, 1, 8};
  InputSum sum(0, 32, kSumFigures);
  for (const SumFigures& figures : {one, other})
    sum.add(0, pack_input({}, 32, wide_numbers(figures)));
  EXPECT_EQ(figures_from(sum.wide()), (SumFigures{103, 124, -3, 1, 1, 15}));
}

// An input in pieces, and its masks taken off by several threads.
TEST(InputSumTest, IsTheSameInPiecesAndAtAnyNumberOfThreads) {
  constexpr std::size_t kNumbers = 200'001;
  for (const unsigned bits : {16u, 24u, 32u}) {
    SeededRandom random(bits);
    std::vector<std::uint32_t> numbers(kNumbers);
    for (auto& number : numbers)
      number = static_cast<std::uint32_t>(random.next_u64()) >> (32 - bits);
    const std::vector<std::uint64_t> wide = {1, 2, 3, 4, 5, 6};
    const std::vector<Mask> on = {{SecretKey::make(), true}, {SecretKey::make(), false}};
    const std::vector<Mask> off = {{on[0].key, false}, {on[1].key, true}};
    std::vector<std::uint32_t> masked = numbers;
    std::vector<std::uint64_t> masked_wide = wide;
    apply_masks(on, bits, 0, masked);
    apply_masks(on, 0, masked_wide);
    const Bytes packed = pack_input(masked, bits, masked_wide);
    ASSERT_EQ(packed.size(), input_bytes(kNumbers, bits, 6));
    InputSum sum(kNumbers, bits, 6);
    const std::size_t piece = InputSum::kPieceAlignment * 1'000;
    for (std::size_t at = 0; at < packed.size(); at += piece)
      sum.add(at, ByteView(packed).subspan(at, std::min(piece, packed.size() - at)));
    sum.unmask(off, off, [](std::size_t parts, const auto& part) {
      std::vector<std::thread> threads;
      for (std::size_t i = 0; i < parts; ++i) threads.emplace_back([&part, i] { part(i); });
      for (std::thread& thread : threads) thread.join();
    });
    EXPECT_TRUE(std::ranges::equal(sum.numbers(), numbers));
    EXPECT_TRUE(std::ranges::equal(sum.wide(), wide));
  }
}

}  // namespace
}  // namespace tributary
