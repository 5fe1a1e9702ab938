// SPDX-License-Identifier: Apache-2.0
#include "client/policy/policy_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary {
namespace {

const SiteName kSite{"lab"};

JobSpec job_of(const std::string& family) {
  JobSpec job;
  job.model.name = family;
  return job;
}

TEST(PolicyCheck, WithoutARuleEveryFamilyMayRun) {
  EXPECT_TRUE(permits({}, kSite, job_of("mlp")));
  EXPECT_TRUE(permits({}, kSite, job_of("torchscript")));
}

TEST(PolicyCheck, OnlyTheNamedFamiliesMayRun) {
  const SitePolicy policy{.model_families = {{"logistic", "mlp"}}};
  EXPECT_TRUE(permits(policy, kSite, job_of("mlp")));
  const Status refused = permits(policy, kSite, job_of("torchscript"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("model_families"));
  EXPECT_THAT(refused.error().message, testing::HasSubstr("'torchscript'"));
}

TEST(PolicyCheck, AnEmptyListLetsNothingRun) {
  const SitePolicy policy{.model_families = std::vector<std::string>{}};
  EXPECT_FALSE(permits(policy, kSite, job_of("logistic")));
}

TEST(PolicyCheck, ASiteIsARootOnlyWhereItsOwnerSaysSo) {
  JobSpec job = job_of("mlp");
  job.aggregation.rule = {"fltrust", {{"root", std::string("lab")}}};
  EXPECT_FALSE(permits({}, kSite, job));
  EXPECT_TRUE(permits({.trains_as_root = true}, kSite, job));
  EXPECT_TRUE(permits({}, SiteName{"north"}, job)) << "it is another one's matter";
}

}  // namespace
}  // namespace tributary
