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

TEST(Backoff, RetryAfterIsKeptToTheMillisecondWithinItsLimits) {
  SeededRandom random(1);
  Backoff backoff(random);
  for (int i = 0; i < 9; ++i) backoff.next();
  EXPECT_EQ(backoff.after(5'000).count(), 5'000) << "however long it waited for nobody before";
  EXPECT_EQ(backoff.after(std::int64_t{1} << 60).count(), limits::kRetryAfterMs);
  EXPECT_EQ(backoff.after(1).count(), limits::kRedialFirstMs);
}

TEST(Backoff, ASpreadIsEvenAndOnTopOfTheUsualWait) {
  SeededRandom random(1);
  std::int64_t in_first_half = 0;
  for (int i = 0; i < 2'000; ++i) {
    Backoff backoff(random);
    const auto wait = backoff.spread(50'000).count();
    EXPECT_GE(wait, limits::kRedialFirstMs / 2);
    EXPECT_LE(wait, limits::kRedialFirstMs + 50'000);
    in_first_half += wait < 25'375 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(in_first_half), 1'000.0, 100.0);
  Backoff backoff(random);
  EXPECT_LE(backoff.spread(0).count(), limits::kRedialFirstMs);
  EXPECT_LE(backoff.spread(std::int64_t{1} << 60).count(),
            limits::kRetryAfterMs + limits::kRedialMs);
}

}  // namespace
}  // namespace tributary::session
