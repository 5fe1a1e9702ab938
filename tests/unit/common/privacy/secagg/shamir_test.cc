// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/shamir.h"

#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <functional>

#include "common/privacy/secagg/field.h"

namespace tributary {
namespace {

using boost::multiprecision::cpp_int;

// Numbers as they are said to come, for polynomials that are known.
class Script final : public RandomSource {
 public:
  explicit Script(std::vector<std::uint64_t> numbers) : numbers_(std::move(numbers)) {}
  std::uint64_t next_u64() override { return numbers_.at(at_++); }

 private:
  std::vector<std::uint64_t> numbers_;
  std::size_t at_ = 0;
};

SecretKey random_secret(RandomSource& random) {
  SecretKey::Value secret;
  for (std::byte& byte : secret) byte = static_cast<std::byte>(random.uniform_below(256));
  return SecretKey(secret);
}

TEST(Field, AgreesWithArithmeticOfAnySize) {
  SeededRandom random(1);
  const cpp_int prime = field::kPrime;
  for (int i = 0; i < 20'000; ++i) {
    const auto edge = [&] {
      const std::uint64_t drawn = random.uniform_below(field::kPrime);
      return drawn % 5 == 0 ? field::kPrime - 1 - drawn % 3 : drawn % 5 == 1 ? drawn % 3 : drawn;
    };
    const std::uint64_t a = edge(), b = edge();
    EXPECT_EQ(field::add(a, b), cpp_int((cpp_int(a) + b) % prime));
    EXPECT_EQ(field::subtract(a, b), cpp_int((cpp_int(a) + prime - b) % prime));
    EXPECT_EQ(field::multiply(a, b), cpp_int(cpp_int(a) * b % prime));
    if (a == 0) continue;
    EXPECT_EQ(field::multiply(a, field::inverse(a)), 1u);
  }
}

// The first chunk is 0x02030405060708, its polynomial has the further coefficients 5 and 7.
TEST(Shamir, GivesTheValuesThatWereComputedElsewhere) {
  SecretKey::Value bytes{};
  for (std::size_t i = 0; i < 7; ++i) bytes[i] = static_cast<std::byte>(i + 2);
  const SecretKey secret(bytes);
  constexpr std::uint64_t kZero = field::kPrime;  // the least numbers would be drawn again
  Script script({kZero + 5, kZero, kZero, kZero, kZero, kZero + 7, kZero, kZero, kZero, kZero});
  const auto shares = *share_secret(secret, 3, 5, script);
  ASSERT_EQ(shares.size(), 5u);
  EXPECT_EQ(shares[0].values[0], 0x2030405060714u);
  EXPECT_EQ(shares[1].values[0], 0x203040506072eu);
  EXPECT_EQ(shares[2].values[0], 0x2030405060756u);
  EXPECT_EQ(shares[4].values[0], 0x20304050607d0u);
  const std::vector<Share> some = {shares[4], shares[0], shares[2]};
  EXPECT_TRUE(*join_shares(some) == secret);
}

TEST(Shamir, AnyThresholdOfSharesGivesTheSecretAndFewerOrWrongOnesAnotherOrNone) {
  SeededRandom random(2);
  for (int i = 0; i < 300; ++i) {
    const std::size_t count = 1 + random.uniform_below(40);
    const std::size_t threshold = 1 + random.uniform_below(count);
    const SecretKey secret = random_secret(random);
    auto shares = *share_secret(secret, threshold, count, random);
    random.shuffle(shares);
    shares.resize(threshold);
    ASSERT_TRUE(*join_shares(shares) == secret);
    if (threshold > 1) {
      const auto fewer = join_shares(std::span(shares).first(threshold - 1));
      EXPECT_TRUE(!fewer || !(*fewer == secret));
    }
    shares[0].values[3] ^= 1;
    const auto wrong = join_shares(shares);
    EXPECT_TRUE(!wrong || !(*wrong == secret));
  }
}

// Whatever the secret, a share of a threshold of two or more is any number: by its upper bits.
TEST(Shamir, OneShareIsUniformWhateverTheSecret) {
  for (const int fill : {0x00, 0xff}) {
    SeededRandom random(3);
    SecretKey::Value bytes;
    bytes.fill(static_cast<std::byte>(fill));
    const SecretKey secret(bytes);
    std::array<double, 64> counts{};
    constexpr double kTimes = 64'000;
    for (int i = 0; i < static_cast<int>(kTimes); ++i)
      counts[share_secret(secret, 2, 2, random)->at(0).values[0] >> 55] += 1;
    double statistic = 0;
    for (const double count : counts) {
      const double apart = count - kTimes / 64;
      statistic += apart * apart / (kTimes / 64);
    }
    EXPECT_LT(std::abs(statistic - 63), 5 * std::sqrt(2 * 63.0));
  }
}

TEST(Shamir, WhatIsNoSetOfSharesIsRefused) {
  SeededRandom random(4);
  const SecretKey secret = random_secret(random);
  EXPECT_FALSE(share_secret(secret, 0, 3, random));
  EXPECT_FALSE(share_secret(secret, 4, 3, random));
  EXPECT_FALSE(join_shares({}));
  const auto shares = *share_secret(secret, 2, 3, random);
  for (const auto& spoil : std::vector<std::function<void(Share&)>>{
           [](Share& one) { one.point = 0; }, [](Share& one) { one.point = 2; },
           [](Share& one) { one.values[4] = field::kPrime; },
           [](Share& one) { one.point = field::kPrime + 1; }}) {
    std::vector<Share> spoilt = {shares[0], shares[1]};
    spoil(spoilt[0]);
    EXPECT_EQ(join_shares(spoilt).error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace tributary
