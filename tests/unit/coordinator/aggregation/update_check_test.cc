// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/update_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tributary {
namespace {

using testing::HasSubstr;

const Layout kLayout{{{"w", {2}}, {"b", {1}}}};

CheckedUpdate checked(const Model& update, std::uint64_t examples) {
  ModelSource values(update);
  return *check_update({}, kLayout, values, examples);
}

TEST(UpdateCheck, AcceptsAndMeasures) {
  const CheckedUpdate fine = checked(Model{kLayout, {3.0f, 0.0f, -4.0f}}, 10);
  EXPECT_EQ(fine.reason, Reason::kAccepted);
  EXPECT_DOUBLE_EQ(fine.norm, 5.0);
}

TEST(UpdateCheck, SaysWhatIsWrongAndWhere) {
  const auto nan = checked(Model{kLayout, {1.0f, 0.0f, NAN}}, 10);
  EXPECT_EQ(nan.reason, Reason::kNotFinite);
  EXPECT_THAT(nan.detail, HasSubstr("tensor 'b', value 0 of 1"));
  const auto infinite = checked(Model{kLayout, {1.0f, -INFINITY, 0.0f}}, 10);
  EXPECT_EQ(infinite.reason, Reason::kNotFinite);
  const auto large = checked(Model{kLayout, {1.0f, -1025.0f, 0.0f}}, 10);
  EXPECT_EQ(large.reason, Reason::kOutOfBounds);
  EXPECT_THAT(large.detail, HasSubstr("tensor 'w', value 1 of 2 is -1025"));
  const Layout other{{{"w", {3}}}};
  EXPECT_EQ(checked(Model{other, {0, 0, 0}}, 10).reason, Reason::kWrongShape);
  EXPECT_EQ(checked(Model{kLayout, {0, 0, 0}}, 0).reason, Reason::kOutOfBounds);
  EXPECT_EQ(checked(Model{kLayout, {0, 0, 0}}, 1ull << 40).reason, Reason::kOutOfBounds);
}

TEST(UpdateCheck, FindsTheFaultInAnyBlock) {
  const Layout large{{{"w", {50'000}}}};
  Model update{large, std::vector<float>(50'000, 0.5f)};
  ModelSource fine(update);
  const auto accepted = *check_update({}, large, fine, 10);
  EXPECT_EQ(accepted.reason, Reason::kAccepted);
  EXPECT_NEAR(accepted.norm, std::sqrt(50'000 * 0.25), 1e-9);
  for (const std::size_t at : {0u, 16'383u, 16'384u, 49'999u}) {
    Model bad = update;
    bad.values[at] = NAN;
    ModelSource values(bad);
    EXPECT_THAT(check_update({}, large, values, 10)->detail,
                HasSubstr("value " + std::to_string(at) + " of 50000"));
  }
}

}  // namespace
}  // namespace tributary
