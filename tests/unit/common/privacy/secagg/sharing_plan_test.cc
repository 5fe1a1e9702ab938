// SPDX-License-Identifier: Apache-2.0
// Degrees and thresholds that Google's federated compute platform has in its tests, and a script of
// its own has computed beyond those. Of 10 clients of whom .33 may go away the platform's has
// degree 4 and threshold 2, which are too few for one in 30 clients; no sparse graph is made of so
// few.
#include "common/privacy/secagg/sharing_plan.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

struct Case {
  double adversarial, dropout;
  bool server_may_lie;
  std::uint32_t clients, degree, threshold;
};

TEST(SharingPlan, SparseGraphsHaveTheKnownDegreesAndThresholds) {
  const std::vector<Case> cases = {
      {.05, .05, true, 100, 16, 11},     {.05, .05, true, 300, 38, 27},
      {.05, .05, true, 1000, 52, 37},    {.05, .05, true, 10'000, 62, 44},
      {.10, .10, true, 100, 32, 22},     {.10, .10, true, 300, 66, 46},
      {.10, .10, true, 1000, 96, 67},    {.10, .10, true, 10'000, 122, 85},
      {.10, .20, true, 100, 52, 32},     {.10, .20, true, 300, 118, 75},
      {.10, .20, true, 1000, 194, 124},  {.10, .20, true, 10'000, 280, 179},
      {.05, .33, true, 100, 72, 39},     {.05, .33, true, 300, 178, 97},
      {.05, .33, true, 1000, 398, 223},  {.05, .33, true, 10'000, 746, 420},
      {.05, .05, false, 100, 12, 6},     {.05, .05, false, 10'000, 34, 20},
      {.33, .33, false, 100, 68, 34},    {.33, .33, false, 10'000, 422, 221},
      {.05, .33, false, 100, 28, 6},     {.05, .33, false, 1000, 72, 24},
      {.05, .33, false, 10'000, 86, 29}, {.05, .33, false, 1'000'000, 102, 34}};
  for (const Case& one : cases) {
    const auto plan =
        plan_sparse_sharing(one.clients, {one.adversarial, one.dropout, one.server_may_lie});
    ASSERT_TRUE(plan) << one.clients;
    EXPECT_EQ(plan->degree, one.degree) << one.clients << " " << one.adversarial;
    EXPECT_EQ(plan->threshold, one.threshold) << one.clients << " " << one.adversarial;
  }
}

TEST(SharingPlan, SmallCohortsAreCompleteGraphs) {
  EXPECT_EQ(*plan_sharing(3, {.1, 0, true}), (SharingPlan{2, 2, true}));
  EXPECT_EQ(*plan_sharing(5, {.1, .2, true}), (SharingPlan{4, 3, true}));
  EXPECT_EQ(*plan_sharing(100, {.1, .2, true}), (SharingPlan{99, 66, true}));
  EXPECT_TRUE(plan_sharing(kCompleteGraphMax, {})->complete);
  EXPECT_EQ(*plan_sharing(1000, {}), (SharingPlan{194, 124, false}));
}

TEST(SharingPlan, WhatNoThresholdHoldsAgainstIsRefused) {
  EXPECT_EQ(plan_sparse_sharing(1000, {.33, .33, true}).error().code,
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(plan_sharing(100, {.33, .5, true}).error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(plan_sharing(5, {.1, .5, true}).error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(plan_sharing(2, {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(plan_sharing(10, {1.5, .1, true}).error().code, ErrorCode::kInvalidArgument);
}

// Whoever lies to its clients would need t shares of both secrets of one of them.
TEST(SharingPlan, NoServerGetsBothSecretsOfAClient) {
  int planned = 0;
  for (std::uint32_t clients = 3; clients <= 600; clients += clients < 140 ? 1 : 23) {
    const auto plan = plan_sharing(clients, {.10, .10, true});
    if (!plan) continue;
    ++planned;
    EXPECT_GT(2 * plan->threshold, plan->degree) << clients;
    EXPECT_LE(plan->threshold, plan->degree);
  }
  EXPECT_GT(planned, 130) << "nearly all sizes can be planned";
}

}  // namespace
}  // namespace tributary
