// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/update_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tributary {
namespace {

using testing::HasSubstr;

const Layout kLayout{{{"w", {2}}, {"b", {1}}}};

TEST(UpdateCheck, AcceptsAndMeasures) {
  const CheckedUpdate checked = check_update({}, kLayout, Model{kLayout, {3.0f, 0.0f, -4.0f}}, 10);
  EXPECT_EQ(checked.reason, Reason::kAccepted);
  EXPECT_DOUBLE_EQ(checked.norm, 5.0);
}

TEST(UpdateCheck, SaysWhatIsWrongAndWhere) {
  const auto nan = check_update({}, kLayout, Model{kLayout, {1.0f, 0.0f, NAN}}, 10);
  EXPECT_EQ(nan.reason, Reason::kNotFinite);
  EXPECT_THAT(nan.detail, HasSubstr("tensor 'b', value 0 of 1"));
  const auto infinite = check_update({}, kLayout, Model{kLayout, {1.0f, -INFINITY, 0.0f}}, 10);
  EXPECT_EQ(infinite.reason, Reason::kNotFinite);
  const auto large = check_update({}, kLayout, Model{kLayout, {1.0f, -1025.0f, 0.0f}}, 10);
  EXPECT_EQ(large.reason, Reason::kOutOfBounds);
  EXPECT_THAT(large.detail, HasSubstr("tensor 'w', value 1 of 2 is -1025"));
  const Layout other{{{"w", {3}}}};
  EXPECT_EQ(check_update({}, kLayout, Model{other, {0, 0, 0}}, 10).reason, Reason::kWrongShape);
  EXPECT_EQ(check_update({}, kLayout, Model{kLayout, {0, 0, 0}}, 0).reason, Reason::kOutOfBounds);
  EXPECT_EQ(check_update({}, kLayout, Model{kLayout, {0, 0, 0}}, 1ull << 40).reason,
            Reason::kOutOfBounds);
}

}  // namespace
}  // namespace tributary
