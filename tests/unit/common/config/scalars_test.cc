// SPDX-License-Identifier: Apache-2.0
#include "common/config/scalars.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

TEST(Scalars, ReadWholeTextsOfTheDeclaredTypeOnly) {
  EXPECT_EQ(*parse_integer("42", {}), 42);
  EXPECT_FALSE(parse_integer("42x", {}));
  EXPECT_FALSE(parse_integer("4.2", {}));
  EXPECT_FALSE(parse_integer("99999999999999999999", {}));
  EXPECT_FALSE(parse_integer("5", {6, 7}));
  EXPECT_EQ(*parse_number("1/4", {}), 0.25);
  EXPECT_EQ(*parse_number("1e-3", {}), 0.001);
  EXPECT_FALSE(parse_number("nan", {}));
  EXPECT_FALSE(parse_number("1/0", {}));
  EXPECT_TRUE(*parse_flag("true"));
  EXPECT_FALSE(parse_flag("yes"));
}

TEST(Scalars, DurationsAndSizesWantTheirUnit) {
  EXPECT_EQ(*parse_duration_ms("500ms"), 500);
  EXPECT_EQ(*parse_duration_ms("2h"), 7'200'000);
  EXPECT_FALSE(parse_duration_ms("5"));
  EXPECT_FALSE(parse_duration_ms("5 parsecs"));
  EXPECT_EQ(*parse_byte_size("64KiB"), 65'536u);
  EXPECT_FALSE(parse_byte_size("64"));
}

TEST(Scalars, AddressesWithPort) {
  EXPECT_EQ(*parse_host_port("localhost:8443"), (HostPort{"localhost", 8443}));
  EXPECT_EQ(*parse_host_port("[::1]:8443"), (HostPort{"::1", 8443}));
  EXPECT_EQ(to_string(HostPort{"::1", 8443}), "[::1]:8443");
  EXPECT_FALSE(parse_host_port("localhost"));
  EXPECT_FALSE(parse_host_port("localhost:99999"));
}

}  // namespace
}  // namespace tributary
