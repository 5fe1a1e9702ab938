// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/companions.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

const Layout kModel{{{"a", {2}}, {"b", {}}}};

TEST(Companions, StandBehindTheModelsOwnTensors) {
  EXPECT_EQ(update_layout(companions_of("fedavg"), kModel), kModel);
  EXPECT_EQ(sent_layout(companions_of("fednova"), kModel), kModel);
  EXPECT_EQ(update_layout(companions_of("fednova"), kModel),
            (Layout{{{"a", {2}}, {"b", {}}, {"fednova.steps", {}}}}));
  EXPECT_EQ(
      update_layout(companions_of("scaffold"), kModel),
      (Layout{{{"a", {2}}, {"b", {}}, {"scaffold.control/a", {2}}, {"scaffold.control/b", {}}}}));
}

TEST(Companions, AModelComesOutAsItWentIn) {
  const Companions& scaffold = companions_of("scaffold");
  const Model file{sent_layout(scaffold, kModel), {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}};
  const auto sent = split_sent(scaffold, file);
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->model, (Model{kModel, {1.0f, 2.0f, 3.0f}}));
  EXPECT_EQ(sent->along, (std::vector<float>{4.0f, 5.0f, 6.0f}));
  EXPECT_TRUE(split_sent(companions_of("fedavg"), file)->along.empty());
}

TEST(Companions, AFileWithoutThemIsNoSuchModel) {
  const Companions& scaffold = companions_of("scaffold");
  EXPECT_EQ(split_sent(scaffold, {kModel, {1.0f, 2.0f, 3.0f}}).error().code, ErrorCode::kDataLoss);
  const Model half{{{{"a", {2}}}}, {1.0f, 2.0f}};
  EXPECT_FALSE(split_sent(scaffold, half));
  Model other{sent_layout(scaffold, kModel), std::vector<float>(6)};
  other.layout.tensors.back().name = "scaffold.server_control/c";
  EXPECT_FALSE(split_sent(scaffold, other));
}

}  // namespace
}  // namespace tributary
