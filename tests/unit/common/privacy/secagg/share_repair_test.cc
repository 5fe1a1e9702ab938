// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/share_repair.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/privacy/secagg/field.h"

namespace tributary {
namespace {

struct Shared {
  SecretKey secret = SecretKey::make();
  std::vector<Share> shares;
  bool fits(const SecretKey& found) const { return found == secret; }
};

Shared shared(std::size_t threshold, std::size_t count, std::uint64_t seed) {
  SeededRandom random(seed);
  Shared made;
  made.shares = *share_secret(made.secret, threshold, count, random);
  return made;
}

Result<RecoveredSecret> recover(const Shared& made, std::size_t threshold) {
  return recover_secret(made.shares, threshold,
                        [&made](const SecretKey& found) { return made.fits(found); });
}

TEST(ShareRepair, WrongSharesAreFoundUpToHalfOfThoseBeyondTheThreshold) {
  SeededRandom random(7);
  for (int trial = 0; trial < 60; ++trial) {
    SCOPED_TRACE(trial);
    const std::size_t threshold = 2 + random.uniform_below(9);
    const std::size_t count = threshold + random.uniform_below(9);
    Shared made = shared(threshold, count, random.next_u64());
    const std::size_t wrong = random.uniform_below((count - threshold) / 2 + 1);
    random.shuffle(made.shares);
    std::vector<std::uint64_t> points;
    for (std::size_t i = 0; i < wrong; ++i) {
      std::uint64_t& value = made.shares[i].values[random.uniform_below(5)];
      value = field::add(value, 1 + random.uniform_below(field::kPrime - 1));
      points.push_back(made.shares[i].point);
    }
    random.shuffle(made.shares);
    const auto recovered = recover(made, threshold);
    ASSERT_TRUE(recovered) << recovered.error().message;
    EXPECT_TRUE(recovered->secret == made.secret);
    auto found = recovered->wrong;
    std::ranges::sort(found);
    std::ranges::sort(points);
    // Where the first shares are right nobody looks at the others.
    if (!found.empty()) {
      EXPECT_EQ(found, points);
    }
  }
}

TEST(ShareRepair, MoreWrongSharesGiveNoSecretAtAll) {
  Shared made = shared(5, 9, 3);
  for (std::size_t i = 0; i < 3; ++i) made.shares[i].values[0] ^= 1;
  const auto recovered = recover(made, 5);
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, ErrorCode::kDataLoss);
}

TEST(ShareRepair, AnOwnerThatSharedAnotherSecretIsFound) {
  const Shared made = shared(3, 5, 4);
  const auto recovered = recover_secret(made.shares, 3, [](const SecretKey&) { return false; });
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, ErrorCode::kDataLoss);
}

TEST(ShareRepair, TooFewSharesAreToldWithTheNumbers) {
  Shared made = shared(4, 6, 5);
  made.shares.resize(3);
  const auto recovered = recover(made, 4);
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().message, "3 shares, and 4 are needed");
}

}  // namespace
}  // namespace tributary
