// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "client/data/hospital_generator.h"

namespace tributary {
namespace {

TEST(HospitalGenerator, TheSeedDecidesEveryByte) {
  const auto first = generate_hospitals(3, 50, 7), again = generate_hospitals(3, 50, 7),
             other = generate_hospitals(3, 50, 8);
  ASSERT_EQ(first.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(first[i].csv, again[i].csv);
    EXPECT_NE(first[i].csv, other[i].csv);
  }
  EXPECT_EQ(std::ranges::count(first[0].csv, '\n'), 51);
  EXPECT_EQ(generate_hospitals(1, 50, 7)[0].csv, first[0].csv)
      << "a site does not depend on how many there are";
}

}  // namespace
}  // namespace tributary
