// SPDX-License-Identifier: Apache-2.0
#include "common/transport/dial_limits.h"

#include <gtest/gtest.h>

#include "common/base/limits.h"

namespace tributary {
namespace {

using boost::asio::ip::make_address;

const auto kNorth = make_address("192.0.2.1");
const auto kSouth = make_address("192.0.2.2");

int dial(DialLimits& limits, TimePoint now, const boost::asio::ip::address& from, int times) {
  int admitted = 0;
  for (int i = 0; i < times; ++i) {
    if (!limits.admit(now, from)) continue;
    ++admitted;
    limits.greeted(from);
  }
  return admitted;
}

TEST(DialLimits, EachAddressHasARateOfItsOwn) {
  DialLimits limits(100);
  const TimePoint start{1'000};
  EXPECT_EQ(dial(limits, start, kNorth, 1'000), 100) << "as many at once as in a second";
  EXPECT_EQ(dial(limits, start, kSouth, 50), 50) << "nobody else notices";
  EXPECT_EQ(dial(limits, start + Milliseconds(100), kNorth, 1'000), 10);
  EXPECT_EQ(dial(limits, start + Milliseconds(105), kNorth, 1'000), 0);
  EXPECT_EQ(dial(limits, start + Milliseconds(10'000), kNorth, 1'000), 100);
}

TEST(DialLimits, ANewRateCountsWhatWasDialledBefore) {
  DialLimits limits(100);
  const TimePoint start{1'000};
  EXPECT_EQ(dial(limits, start, kNorth, 60), 60);
  limits.set_rate(start, 80);
  EXPECT_EQ(dial(limits, start, kNorth, 1'000), 20);
  EXPECT_EQ(dial(limits, start, kSouth, 1'000), 80);
  limits.set_rate(start, 200);
  EXPECT_EQ(dial(limits, start, kNorth, 1'000), 120);
}

TEST(DialLimits, WhoeverSaysNothingTakesHalfThePlacesAtMost) {
  DialLimits limits(10'000);
  std::size_t held = 0;
  while (limits.admit({}, kNorth)) ++held;
  EXPECT_EQ(held, limits::kHandshakesMax / 2);
  EXPECT_TRUE(limits.admit({}, kSouth));
  limits.greeted(kNorth);
  EXPECT_TRUE(limits.admit({}, kNorth));
  EXPECT_FALSE(limits.admit({}, kNorth));
}

TEST(DialLimits, AnIPv6CustomerIsOneAddressAndAMappedOneIsThatOfIPv4) {
  DialLimits limits(1);
  EXPECT_TRUE(limits.admit({}, make_address("2001:db8:0:1::1")));
  EXPECT_FALSE(limits.admit({}, make_address("2001:db8:0:1:ffff::2")));
  EXPECT_TRUE(limits.admit({}, make_address("2001:db8:0:2::1")));
  EXPECT_TRUE(limits.admit({}, kNorth));
  EXPECT_FALSE(limits.admit({}, make_address("::ffff:192.0.2.1")));
  EXPECT_TRUE(limits.admit({}, make_address("::ffff:192.0.2.2")));
}

TEST(DialLimits, RemembersNobodyForLongAndNeverTooMany) {
  DialLimits limits(10);
  TimePoint now{5'000};
  for (unsigned i = 0; i < 2 * limits::kDialAddressesMax; ++i) {
    const boost::asio::ip::address from = boost::asio::ip::address_v4(0x0a000000u + i);
    if (limits.admit(now, from)) limits.greeted(from);
  }
  EXPECT_EQ(limits.addresses(), limits::kDialAddressesMax);
  EXPECT_FALSE(limits.admit(now, kNorth));
  now = now + Milliseconds(1'000);
  EXPECT_TRUE(limits.admit(now, kNorth));
  EXPECT_EQ(limits.addresses(), 1u);
}

}  // namespace
}  // namespace tributary
