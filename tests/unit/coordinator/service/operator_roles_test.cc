// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_roles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/crypto/identity.h"

namespace tributary {
namespace {

using testing::HasSubstr;

const RoleMatrix& kBuiltIn = built_in_roles();

Status ask(const RoleMatrix& matrix, std::string_view role, const Message& request,
           bool own = false) {
  return permits_request(matrix, role, request, [own](const JobId&) { return own; });
}

// What each role may do: status, jobs, watch, model, submit, control, sites, enrolment.
std::string rights(std::string_view role) {
  std::string text;
  const auto add = [&](const std::vector<Message>& requests, char letter) {
    int permitted = 0;
    for (const Message& request : requests) permitted += ask(kBuiltIn, role, request) ? 1 : 0;
    EXPECT_TRUE(permitted == 0 || permitted == static_cast<int>(requests.size())) << letter;
    if (permitted > 0) text += letter;
  };
  add({GetStatus{}}, 's');
  add({ListJobs{}, ShowJob{}}, 'j');
  add({WatchJob{}}, 'w');
  add({GetModel{}}, 'm');
  add({SubmitJob{}}, 'S');
  add({AbortJob{}, ChangeJob{}}, 'C');
  add({ControlSite{}}, 'K');
  add({InviteSite{}, ListEnrolments{}, DecideEnrolment{}}, 'E');
  return text;
}

TEST(OperatorRoles, MayDoWhatTheMatrixSays) {
  EXPECT_EQ(rights("operator"), "sjwmSCKE");
  EXPECT_EQ(rights("root-admin"), "sjwmSCKE");
  EXPECT_EQ(rights("org-admin"), "sjwmSCKE");
  EXPECT_EQ(rights("lead"), "sjwmSC");
  EXPECT_EQ(rights("analyst"), "sjwm");
  EXPECT_EQ(rights("auditor"), "sjw");
}

TEST(OperatorRoles, WhoeverIsUnknownMayDoNothing) {
  EXPECT_EQ(rights(""), "");
  EXPECT_EQ(rights("janitor"), "");
  EXPECT_EQ(rights("site"), "");
  for (const std::string_view role : kOperatorRoles) EXPECT_NE(rights(role), "") << role;
}

TEST(OperatorRoles, WhatIsNoRequestOfOperatorsIsRefusedToAll) {
  for (const Message& message : std::vector<Message>{
           Hello{}, Welcome{}, TaskResult{}, TaskAccepted{}, AuditCountersignature{}, Enrol{},
           GetRoot{}, RenewCertificate{}, JobList{}, EnrolmentList{}}) {
    EXPECT_EQ(action_of(message), std::nullopt);
    EXPECT_FALSE(ask(kBuiltIn, "root-admin", message));
  }
}

TEST(OperatorRoles, WhoControlsOwnJobsControlsNobodyElses) {
  const RoleMatrix matrix = {{"lead", {OperatorAction::kControlOwnJobs}},
                             {"org-admin", {OperatorAction::kControlJobs}}};
  for (const Message& request : std::vector<Message>{AbortJob{}, ChangeJob{}}) {
    EXPECT_TRUE(ask(matrix, "lead", request, true));
    const Status refused = ask(matrix, "lead", request, false);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("that somebody else submitted"));
    EXPECT_THAT(refused.error().message, HasSubstr("(control_jobs): org-admin"));
    EXPECT_TRUE(ask(matrix, "org-admin", request, false));
    EXPECT_FALSE(ask(matrix, "auditor", request, true));
  }
  EXPECT_FALSE(ask(matrix, "lead", SubmitJob{}, true));
}

TEST(OperatorRoles, ARefusalNamesWhoMay) {
  const Status refused = ask(kBuiltIn, "analyst", ControlSite{});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(refused.error().message, HasSubstr("root-admin"));
  EXPECT_THAT(refused.error().message, HasSubstr("the role analyst may not"));
  EXPECT_THAT(ask({}, "analyst", ControlSite{}).error().message, HasSubstr(": nobody"));
}

}  // namespace
}  // namespace tributary
