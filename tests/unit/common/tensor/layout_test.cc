// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary {
namespace {

using testing::HasSubstr;

TEST(Layout, CountsElementsOfScalarsAndEmptyTensors) {
  EXPECT_EQ(element_count(TensorInfo{"scalar", {}}), 1u);
  EXPECT_EQ(element_count(TensorInfo{"none", {3, 0}}), 0u);
  EXPECT_EQ((Layout{{{"a", {2, 3}}, {"b", {4}}}}).element_count(), 10u);
}

TEST(Layout, RefusesWhatNoModelHas) {
  EXPECT_TRUE(validate_layout(Layout{{{"a", {2, 3}}, {"b", {}}}}));
  EXPECT_THAT(validate_layout(Layout{{{"a", {1}}, {"a", {1}}}}).error().message,
              HasSubstr("twice"));
  EXPECT_THAT(validate_layout(Layout{{{"", {1}}}}).error().message, HasSubstr("name"));
  EXPECT_THAT(validate_layout(Layout{{{"a", {-1}}}}).error().message, HasSubstr("negative"));
  EXPECT_THAT(validate_layout(Layout{{{"a", {1ll << 40, 1ll << 40}}}}).error().message,
              HasSubstr("too large"));
  EXPECT_THAT(validate_layout(Layout{{{"a", std::vector<std::int64_t>(9, 1)}}}).error().message,
              HasSubstr("dimensions"));
}

TEST(Layout, NamesTheFirstDifference) {
  const Layout model{{{"fc1.weight", {100, 784}}, {"fc1.bias", {100}}}};
  EXPECT_EQ(layout_difference(model, model), "");
  EXPECT_EQ(layout_difference(model, Layout{{{"fc1.weight", {200, 784}}, {"fc1.bias", {100}}}}),
            "tensor 'fc1.weight' is [200, 784], not [100, 784]");
  EXPECT_THAT(layout_difference(model, Layout{{{"w", {100, 784}}}}), HasSubstr("'w'"));
  EXPECT_THAT(layout_difference(model, Layout{{{"fc1.weight", {100, 784}}}}),
              HasSubstr("1 tensors, not 2"));
}

}  // namespace
}  // namespace tributary
