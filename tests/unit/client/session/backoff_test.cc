// SPDX-License-Identifier: Apache-2.0
#include "client/session/backoff.h"

#include <gtest/gtest.h>

#include <set>

#include "common/base/limits.h"

namespace tributary::session {
namespace {

TEST(Backoff, DoublesUpToTheCapAndStaysInTheUpperHalf) {
  SeededRandom random(1);
  Backoff backoff(random);
  std::int64_t whole = 500;
  for (int i = 0; i < 40; ++i) {
    const auto wait = backoff.next().count();
    EXPECT_GE(wait, whole / 2) << i;
    EXPECT_LE(wait, whole) << i;
    whole = std::min<std::int64_t>(2 * whole, 60'000);
  }
  EXPECT_EQ(whole, 60'000);
}

TEST(Backoff, TwoSitesDoNotComeBackTogether) {
  std::set<std::int64_t> waits;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SeededRandom random(seed);
    Backoff backoff(random);
    waits.insert(backoff.next().count());
  }
  EXPECT_GT(waits.size(), 30u);
}

TEST(Backoff, ResetStartsFromTheFirstWait) {
  SeededRandom random(1);
  Backoff backoff(random);
  for (int i = 0; i < 9; ++i) backoff.next();
  backoff.reset();
  EXPECT_LE(backoff.next().count(), limits::kRedialFirstMs);
}

TEST(Backoff, RetryAfterIsHonouredUpToItsLimit) {
  SeededRandom random(1);
  Backoff backoff(random);
  const auto wait = backoff.after(20'000).count();
  EXPECT_GE(wait, 20'000);
  EXPECT_LE(wait, 25'000);
  EXPECT_LE(backoff.after(std::int64_t{1} << 60).count(), limits::kRetryAfterMs * 5 / 4);
  EXPECT_GE(backoff.after(-5).count(), 0);
}

}  // namespace
}  // namespace tributary::session
