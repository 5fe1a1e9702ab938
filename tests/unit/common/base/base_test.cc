// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <map>
#include <set>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/large_array.h"
#include "common/base/random_source.h"
#include "common/base/text.h"

namespace tributary {
namespace {

using testing::HasSubstr;

TEST(Bytes, DigestsReadBackAndRefuseWhatIsNone) {
  const std::string hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  EXPECT_EQ(digest_from_hex(hex)->hex(), hex);
  EXPECT_FALSE(digest_from_hex(hex.substr(1)));
  EXPECT_FALSE(digest_from_hex(std::string(64, 'g')));
  std::byte eight[8];
  put_little_endian(eight, std::uint64_t{0x0102030405060708});
  EXPECT_EQ(to_hex(eight), "0807060504030201");
  EXPECT_EQ(get_little_endian<std::uint64_t>(eight), 0x0102030405060708u);
}

TEST(Ids, NamesAreSafeInPathsAndLogs) {
  for (const char* good : {"a", "north-1.example_x", "9"}) EXPECT_TRUE(is_valid_name(good)) << good;
  for (const char* bad : {"", ".", "-a", "a/b", "a b", "ä", "a\n"})
    EXPECT_FALSE(is_valid_name(bad)) << bad;
  EXPECT_FALSE(is_valid_name(std::string(65, 'a')));
}

TEST(Error, SystemErrorsNameWhatWasTriedAndTheFullDisk) {
  const Error full = system_error(ENOSPC, "write /x");
  EXPECT_EQ(full.code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(full.message, HasSubstr("write /x: No space left"));
  EXPECT_EQ(system_error(ENOENT, "open y").code, ErrorCode::kNotFound);
}

TEST(Clock, FormatsUtc) { EXPECT_EQ(format_utc(1'700'000'000'123), "2023-11-14T22:13:20.123Z"); }

TEST(Text, NothingCanForgeALineOrATerminal) {
  EXPECT_EQ(escaped("a\nb\x1b[31m"), "a\\nb\\x1b[31m");
  EXPECT_TRUE(is_utf8("größe"));
  EXPECT_FALSE(is_utf8("\xff\xfe"));
}

TEST(Text, IsNotCutInsideACharacter) {
  EXPECT_EQ(cut_utf8("naïve", 3), "na");
  EXPECT_EQ(cut_utf8("naïve", 4), "naï");
  EXPECT_EQ(cut_utf8("naïve", 10), "naïve");
}

// Of every size around the huge page: all zero, all its own, aligned for the kernels.
TEST(LargeArray, HoldsZeroesOfEverySize) {
  constexpr std::size_t kHugePage = 2u << 20;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kHugePage, 2 * kHugePage - 1,
                                 2 * kHugePage, 3 * kHugePage + 1}) {
    LargeArray<char> first(size), second(size, 'x');
    EXPECT_EQ(std::ranges::count(first, 0), static_cast<std::ptrdiff_t>(size)) << size;
    EXPECT_EQ(std::ranges::count(second, 'x'), static_cast<std::ptrdiff_t>(size)) << size;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first.data()) % 64, 0u) << size;
  }
}

// The same numbers for the same seed, and others for another.
TEST(SeededRandom, IsTheSameOnEveryMachine) {
  SeededRandom first(42), again(42), other(43);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t value = first.next_u64();
    EXPECT_EQ(value, again.next_u64());
    EXPECT_NE(value, other.next_u64());
    seen.insert(value);
  }
  EXPECT_EQ(seen.size(), 100u);
}

TEST(SeededRandom, DrawsTheDistributionsItNames) {
  SeededRandom random(1);
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 60'000; ++i) ++counts[random.uniform_below(6)];
  for (const auto& [face, count] : counts) EXPECT_NEAR(count, 10'000, 500) << face;
  double sum = 0, squares = 0;
  for (int i = 0; i < 50'000; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / 50'000, 0.0, 0.03);
  EXPECT_NEAR(squares / 50'000, 1.0, 0.03);
  EXPECT_NE(derive_seed(1, "a", 0), derive_seed(1, "a", 1));
  EXPECT_NE(derive_seed(1, "a", 0), derive_seed(1, "b", 0));
}

}  // namespace
}  // namespace tributary
