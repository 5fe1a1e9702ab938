// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/masks.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "common/base/random_source.h"

namespace tributary {
namespace {

constexpr std::size_t kSize = 5'003;

std::uint32_t modulus_mask(unsigned bits) { return ~std::uint32_t{0} >> (32 - bits); }

std::vector<std::uint32_t> numbers(unsigned bits, std::uint64_t seed, std::size_t size = kSize) {
  SeededRandom random(seed);
  std::vector<std::uint32_t> values(size);
  for (auto& value : values)
    value = static_cast<std::uint32_t>(random.next_u64()) & modulus_mask(bits);
  return values;
}

// As the definition has it, from a stream that is read at once.
std::vector<std::uint32_t> masked_by_definition(std::vector<std::uint32_t> values,
                                                const std::vector<Mask>& masks, unsigned bits) {
  const std::size_t bytes = (bits + 7) / 8;
  for (const Mask& mask : masks) {
    Bytes stream(values.size() * bytes);
    KeyStream(mask.key).read_at(0, stream);
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::uint64_t word = 0;
      for (std::size_t k = bytes; k-- > 0;)
        word = word * 256 + std::to_integer<std::uint64_t>(stream[i * bytes + k]);
      const std::uint64_t sum = mask.added ? values[i] + word : values[i] - word;
      values[i] = static_cast<std::uint32_t>(sum) & modulus_mask(bits);
    }
  }
  return values;
}

class MasksTest : public testing::TestWithParam<unsigned> {};

TEST_P(MasksTest, AreWordsOfTheirStreamsHoweverAVectorIsCut) {
  const unsigned bits = GetParam();
  const std::vector<Mask> masks = {
      {SecretKey::make(), true}, {SecretKey::make(), false}, {SecretKey::make(), true}};
  const auto values = numbers(bits, 1);
  const auto expected = masked_by_definition(values, masks, bits);
  auto whole = values;
  apply_masks(masks, bits, 0, whole);
  EXPECT_EQ(whole, expected);
  auto parts = values;
  for (const auto& [from, to] : {std::pair<std::size_t, std::size_t>{0, 16},
                                 {16, 16},
                                 {16, 2'064},
                                 {2'064, 4'992},
                                 {4'992, kSize}})
    apply_masks(masks, bits, from, std::span(parts).subspan(from, to - from));
  EXPECT_EQ(parts, expected);
}

TEST_P(MasksTest, OfPairsCancelInTheSum) {
  const unsigned bits = GetParam();
  constexpr std::size_t kClients = 6;
  std::vector<std::vector<Mask>> masks(kClients);
  for (std::size_t u = 0; u < kClients; ++u) {
    for (std::size_t v = u + 1; v < kClients; ++v) {
      const SecretKey pair = SecretKey::make();
      masks[u].push_back({pair, true});
      masks[v].push_back({pair, false});
    }
  }
  std::vector<std::uint32_t> sum(kSize), masked_sum(kSize);
  for (std::size_t u = 0; u < kClients; ++u) {
    auto values = numbers(bits, u);
    for (std::size_t i = 0; i < kSize; ++i) sum[i] = (sum[i] + values[i]) & modulus_mask(bits);
    const auto clear = values;
    apply_masks(masks[u], bits, 0, values);
    EXPECT_NE(values, clear);
    for (std::size_t i = 0; i < kSize; ++i)
      masked_sum[i] = (masked_sum[i] + values[i]) & modulus_mask(bits);
  }
  EXPECT_EQ(masked_sum, sum);
}

INSTANTIATE_TEST_SUITE_P(Bits, MasksTest, testing::Values(8u, 16u, 20u, 24u, 31u, 32u));

TEST(WideMasks, AreTakenOffAgain) {
  const std::vector<Mask> on = {{SecretKey::make(), true}, {SecretKey::make(), false}};
  std::vector<Mask> off = on;
  for (Mask& mask : off) mask.added = !mask.added;
  std::vector<std::uint64_t> values(kSize);
  std::iota(values.begin(), values.end(), ~std::uint64_t{0} - kSize / 2);
  const auto clear = values;
  apply_masks(on, 0, values);
  EXPECT_NE(values, clear);
  apply_masks(off, 0, values);
  EXPECT_EQ(values, clear);
}

}  // namespace
}  // namespace tributary
