// SPDX-License-Identifier: Apache-2.0
#include "client/policy/policy_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary {
namespace {

JobSpec job_of(const std::string& family) {
  JobSpec job;
  job.model.name = family;
  return job;
}

TEST(PolicyCheck, WithoutARuleEveryFamilyMayRun) {
  EXPECT_TRUE(permits({}, job_of("mlp")));
  EXPECT_TRUE(permits({}, job_of("torchscript")));
}

TEST(PolicyCheck, OnlyTheNamedFamiliesMayRun) {
  const SitePolicy policy{.model_families = {{"logistic", "mlp"}}};
  EXPECT_TRUE(permits(policy, job_of("mlp")));
  const Status refused = permits(policy, job_of("torchscript"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("model_families"));
  EXPECT_THAT(refused.error().message, testing::HasSubstr("'torchscript'"));
}

TEST(PolicyCheck, AnEmptyListLetsNothingRun) {
  const SitePolicy policy{.model_families = std::vector<std::string>{}};
  EXPECT_FALSE(permits(policy, job_of("logistic")));
}

}  // namespace
}  // namespace tributary
