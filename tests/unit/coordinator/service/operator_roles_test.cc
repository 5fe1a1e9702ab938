// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_roles.h"

#include <gtest/gtest.h>

#include "common/crypto/identity.h"

namespace tributary {
namespace {

// What each role may do, in the order of the columns: read, model, submit and control, sites.
std::string rights(std::string_view role) {
  std::string text;
  const auto add = [&](const std::vector<Message>& requests, char letter) {
    int permitted = 0;
    for (const Message& request : requests) permitted += permits_request(role, request) ? 1 : 0;
    EXPECT_TRUE(permitted == 0 || permitted == static_cast<int>(requests.size())) << letter;
    if (permitted > 0) text += letter;
  };
  add({ListJobs{}, ShowJob{}, GetStatus{}, WatchJob{}}, 'r');
  add({GetModel{}}, 'm');
  add({SubmitJob{}, AbortJob{}, ChangeJob{}}, 's');
  add({ControlSite{}}, 'c');
  return text;
}

TEST(OperatorRoles, MayDoWhatTheMatrixSays) {
  EXPECT_EQ(rights("operator"), "rmsc");
  EXPECT_EQ(rights("root-admin"), "rmsc");
  EXPECT_EQ(rights("org-admin"), "rmsc");
  EXPECT_EQ(rights("lead"), "rms");
  EXPECT_EQ(rights("analyst"), "rm");
  EXPECT_EQ(rights("auditor"), "r");
}

TEST(OperatorRoles, WhoeverIsUnknownMayDoNothing) {
  EXPECT_EQ(rights(""), "");
  EXPECT_EQ(rights("janitor"), "");
  for (const std::string_view role : kOperatorRoles) EXPECT_NE(rights(role), "") << role;
}

TEST(OperatorRoles, ARefusalNamesWhoMay) {
  const Status refused = permits_request("analyst", ControlSite{});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_NE(refused.error().message.find("root-admin"), std::string::npos);
  EXPECT_NE(refused.error().message.find("analyst"), std::string::npos);
}

}  // namespace
}  // namespace tributary
