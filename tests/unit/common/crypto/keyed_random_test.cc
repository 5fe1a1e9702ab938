// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/keyed_random.h"

#include <gtest/gtest.h>

#include <vector>

namespace tributary {
namespace {

// NIST's AESAVS, known answer of a key and a text of zeros: dc95c078a2408989ad48a21492842087, which
// is the first block of counter mode.
TEST(KeyedRandom, IsTheKeyStreamOfAesInCounterMode) {
  KeyedRandom random{SecretKey({})};
  EXPECT_EQ(random.next_u64(), 0x898940a278c095dcULL);
  EXPECT_EQ(random.next_u64(), 0x8720849214a248adULL);
}

TEST(KeyedRandom, SaysTheSameAgainAndAnotherKeySaysSomethingElse) {
  const SecretKey key = SecretKey::make(), other = SecretKey::make();
  KeyedRandom first(key), again(key), different(other);
  KeyStream stream(key);
  constexpr std::size_t kWords = 3'000;  // some refills
  std::vector<std::byte> bytes(kWords * 8);
  stream.read_at(0, bytes);
  std::size_t same = 0;
  for (std::size_t i = 0; i < kWords; ++i) {
    const std::uint64_t word = first.next_u64();
    EXPECT_EQ(word, again.next_u64());
    EXPECT_EQ(word, get_little_endian<std::uint64_t>(bytes.data() + 8 * i));
    same += word == different.next_u64();
  }
  EXPECT_EQ(same, 0u);
}

}  // namespace
}  // namespace tributary
