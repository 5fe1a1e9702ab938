// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/secure_random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

namespace tributary {
namespace {

TEST(SecureRandom, NoTwoSourcesAndNoTwoRefillsSayTheSame) {
  SecureRandom one, other;
  std::set<std::uint64_t> seen;
  constexpr std::size_t kWords = 5'000;  // some refills
  for (std::size_t i = 0; i < kWords; ++i) {
    seen.insert(one.next_u64());
    seen.insert(other.next_u64());
  }
  EXPECT_EQ(seen.size(), 2 * kWords) << "by chance in one of 10^12 runs";
}

TEST(SecureRandom, EachByteComesAsOften) {
  SecureRandom random;
  std::array<double, 256> counts{};
  constexpr double kBytes = 1 << 20;
  for (int i = 0; i < (1 << 17); ++i) {
    const std::uint64_t word = random.next_u64();
    for (unsigned byte = 0; byte < 8; ++byte) counts[word >> (8 * byte) & 255] += 1;
  }
  double statistic = 0;
  for (const double count : counts)
    statistic += (count - kBytes / 256) * (count - kBytes / 256) / (kBytes / 256);
  EXPECT_LT(std::abs(statistic - 255), 8 * std::sqrt(2 * 255.0)) << "by chance once in 10^12 runs";
}

}  // namespace
}  // namespace tributary
