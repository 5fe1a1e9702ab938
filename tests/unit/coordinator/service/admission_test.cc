// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/admission.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

SiteName site(std::int64_t n) { return SiteName{"s" + std::to_string(n)}; }

// What a site is told: 0 if it is let in.
std::int64_t told(Admission& admission, std::int64_t now_ms, std::int64_t n,
                  std::size_t others = 0) {
  const Admission::Verdict verdict = admission.admit({now_ms}, site(n), others);
  EXPECT_EQ(verdict.refused_by.empty(), verdict.retry_after_ms == 0);
  return verdict.retry_after_ms;
}

TEST(Admission, ASecondsWorthComesAtOnceThenTurnsFollowAtTheRate) {
  Admission admission({.rate = 4});
  for (int n = 0; n < 4; ++n) EXPECT_EQ(told(admission, 1'000, n), 0) << n;
  EXPECT_EQ(told(admission, 1'000, 4), 500) << "its turn is in 250 ms, but no site redials so soon";
  EXPECT_EQ(told(admission, 1'000, 5), 500);
  EXPECT_EQ(told(admission, 1'000, 6), 750);
  EXPECT_EQ(told(admission, 1'000, 7), 1'000);
  EXPECT_EQ(told(admission, 1'010, 8), 1'240) << "behind those who wait";
}

TEST(Admission, WhoKeepsItsTurnIsLetInAndWhoIsEarlyIsToldTheRest) {
  Admission admission({.rate = 1});
  EXPECT_EQ(told(admission, 0, 0), 0);
  for (int n = 1; n <= 20; ++n) EXPECT_EQ(told(admission, 0, n), 1'000 * n);
  EXPECT_EQ(told(admission, 4'000, 9), 5'000);
  EXPECT_EQ(told(admission, 8'999, 9), limits::kRedialFirstMs) << "a millisecond early";
  EXPECT_EQ(told(admission, 9'000, 9), 0);
  EXPECT_EQ(told(admission, 10'000 + limits::kTurnMs, 10), 0) << "late, and still its turn";
  EXPECT_EQ(told(admission, 19'000, 21), 2'000);
  EXPECT_EQ(told(admission, 8'001 + limits::kTurnMs, 8), 3'999) << "its turn is over: the next";
}

TEST(Admission, NewBoundsMeetThoseWhoComeAndLeaveTheTurnsThatWereGiven) {
  Admission admission({.rate = 1});
  EXPECT_EQ(told(admission, 0, 0), 0);
  for (int n = 1; n <= 10; ++n) EXPECT_EQ(told(admission, 0, n), 1'000 * n);
  admission.renew({0}, {.rate = 10, .sites_max = 3});
  EXPECT_EQ(told(admission, 0, 10), 10'000) << "it was told so";
  EXPECT_EQ(told(admission, 0, 11), limits::kRedialFirstMs) << "behind 11 links at the new rate";
  EXPECT_EQ(admission.admit({0}, site(12), 3).refused_by, "sites_max");
  admission.renew({0}, {.rate = 1});
  EXPECT_EQ(told(admission, 0, 13), 12'000);
}

TEST(Admission, AFullFederationTakesNobodyButThoseItHas) {
  Admission admission({.rate = 1, .sites_max = 3});
  const Admission::Verdict full = admission.admit({0}, site(1), 3);
  EXPECT_EQ(full.refused_by, "sites_max");
  EXPECT_EQ(full.retry_after_ms, limits::kRedialMs);
  EXPECT_EQ(told(admission, 0, 2, 2), 0) << "a refused one took nothing of the rate";
}

TEST(Admission, ATurnFarAwayIsToldInPartsAndIsNotLost) {
  Admission admission({.rate = 1});
  constexpr int kLast = 1'500;
  for (int n = 0; n <= kLast; ++n) told(admission, 0, n);
  std::int64_t now = 0, times = 0;
  while (const std::int64_t wait = told(admission, now, kLast)) {
    EXPECT_LE(wait, limits::kRetryAfterMs);
    now += wait;
    ++times;
  }
  EXPECT_EQ(now, 1'000 * kLast);
  EXPECT_EQ(times, 3);
}

TEST(Admission, WhatItRemembersIsBounded) {
  Admission admission({.rate = 100});
  const auto most = static_cast<std::int64_t>(limits::kSitesMax);
  for (std::int64_t n = 0; n < 3 * most; ++n) told(admission, 0, n);
  EXPECT_EQ(admission.waiting(), limits::kSitesMax);
  EXPECT_LE(told(admission, 0, 4 * most), limits::kRetryAfterMs);
  // Nobody came for the turns: there is room again, and nobody waits for those who stayed away.
  for (std::int64_t n = 0; n < 100; ++n)
    EXPECT_EQ(told(admission, limits::kRetryAfterMs, 4 * most + n), 0);
  EXPECT_EQ(told(admission, limits::kRetryAfterMs, 5 * most), limits::kRedialFirstMs);
  EXPECT_EQ(admission.waiting(), 1u);
}

TEST(Admission, TurnsOfThoseWhoAreSentAwayFollowEachOther) {
  Admission admission({.rate = 10});
  for (int n = 0; n < 10; ++n) EXPECT_EQ(admission.give_turn({5}), 0);
  for (int n = 1; n <= 50; ++n) EXPECT_EQ(admission.give_turn({5}), 100 * n);
  Admission thirds({.rate = 3});
  for (const std::int64_t turn : {0, 0, 0, 334, 667, 1'000, 1'334})
    EXPECT_EQ(thirds.give_turn({0}), turn) << "never before there is a token";
}

TEST(Admission, TheSpreadIsAQuarterLongerThanAllTakeAtTheRate) {
  const Admission admission({.rate = 200});
  EXPECT_EQ(admission.spread_ms(0), 0);
  EXPECT_EQ(admission.spread_ms(10), 62);
  EXPECT_EQ(admission.spread_ms(10'000), 62'500);
  EXPECT_EQ(Admission({.rate = 1}).spread_ms(10'000), limits::kRetryAfterMs);
}

// Sites that come at random, in bursts or one by one, and come back when they were told to or up to
// `late_ms` later.
struct Crowd {
  std::int64_t rate = 1;
  std::vector<std::int64_t> let_in;  // when, in order
  std::int64_t tries_most = 0;
};

enum class Manners { kKeepTheirTurns, kComeWhenTheyLike };

Crowd crowd(std::int64_t rate, std::int64_t late_ms, Manners manners, SeededRandom& random) {
  constexpr std::int64_t kCrowd = 1'000;
  using Arrival = std::pair<std::int64_t, std::int64_t>;  // when, who
  std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> coming;
  const auto upto = [&random](std::int64_t most) {
    return static_cast<std::int64_t>(random.uniform_below(static_cast<std::uint64_t>(most) + 1));
  };
  std::int64_t at = upto(5'000);
  for (std::int64_t n = 0; n < kCrowd; ++n) {
    coming.push({at, n});
    if (random.uniform_below(3) == 0) at += upto(3'000 / rate);
    if (random.uniform_below(100) == 0) at += upto(20'000);
  }
  Admission admission({.rate = rate});
  Crowd result{.rate = rate, .let_in = {}};
  std::vector<std::int64_t> tries(kCrowd);
  while (!coming.empty()) {
    const auto [now, who] = coming.top();
    coming.pop();
    result.tries_most = std::max(result.tries_most, ++tries[static_cast<std::size_t>(who)]);
    const std::int64_t wait = told(admission, now, who);
    if (wait == 0) {
      result.let_in.push_back(now);
    } else {
      coming.push(
          {now + (manners == Manners::kKeepTheirTurns ? wait + upto(late_ms) : 1 + upto(2 * wait)),
           who});
    }
  }
  EXPECT_EQ(result.let_in.size(), static_cast<std::size_t>(kCrowd));
  return result;
}

// By how many links the fullest time T had more than rate + rate * T of them, in thousandths.
std::int64_t excess(const Crowd& crowd) {
  std::int64_t lowest = std::numeric_limits<std::int64_t>::max(), most = lowest * -1;
  for (std::size_t i = 0; i < crowd.let_in.size(); ++i) {
    const std::int64_t before = static_cast<std::int64_t>(i) * 1'000 - crowd.rate * crowd.let_in[i];
    lowest = std::min(lowest, before);
    most = std::max(most, before + 1'000 - lowest - crowd.rate * 1'000);
  }
  return most;
}

TEST(Admission, WhoeverComesTheRateIsKeptAndNobodyIsPutOffTwice) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    const std::int64_t rate = 1 + static_cast<std::int64_t>(random.uniform_below(40));
    const Crowd punctual = crowd(rate, 0, Manners::kKeepTheirTurns, random);
    EXPECT_LT(excess(punctual), 1'000) << "less than a link, because times are rounded";
    const Crowd late =
        crowd(rate, limits::kTurnMs - limits::kRedialFirstMs, Manners::kKeepTheirTurns, random);
    EXPECT_LE(excess(late), rate * limits::kTurnMs);
    EXPECT_LE(excess(crowd(rate, 0, Manners::kComeWhenTheyLike, random)), rate * limits::kTurnMs);
    if (1'000 <
        rate * limits::kRetryAfterMs / 1'000) {  // no turn is so far that it is told in parts
      EXPECT_LE(punctual.tries_most, 2);
      EXPECT_LE(late.tries_most, 2);
    }
  }
}

}  // namespace
}  // namespace tributary
