// SPDX-License-Identifier: Apache-2.0
#include "common/config/roles_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/coordinator_file.h"
#include "common/config/operator_file.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using enum OperatorAction;

TEST(RolesFile, SaysWhatEachRoleMayDoAndNothingElse) {
  const auto matrix = parse_role_matrix(
      "lead: [read_jobs, submit_jobs, control_own_jobs]\nauditor: []\n", "roles.yaml");
  ASSERT_TRUE(matrix) << matrix.error().message;
  EXPECT_TRUE(may(*matrix, "lead", kSubmitJobs));
  EXPECT_FALSE(may(*matrix, "lead", kControlJobs));
  EXPECT_FALSE(may(*matrix, "auditor", kReadStatus));
  EXPECT_FALSE(may(*matrix, "operator", kReadStatus)) << "not named";
  EXPECT_FALSE(may(*matrix, "", kReadStatus));
  EXPECT_EQ(roles_that_may(*matrix, kSubmitJobs), std::vector<std::string>{"lead"});
}

TEST(RolesFile, NamesEveryFaultWithItsLineAndWhatIsKnown) {
  const auto faults = [](const std::string& text) {
    const auto matrix = parse_role_matrix(text, "roles.yaml");
    return matrix ? std::string("fine") : matrix.error().message;
  };
  EXPECT_THAT(faults("lead: [read_jobs]\nleed: [read_jobs]\n"),
              AllOf(HasSubstr("roles.yaml:2"), HasSubstr("unknown role 'leed'"),
                    HasSubstr("did you mean 'lead'")));
  EXPECT_THAT(faults("site: [read_jobs]\n"), HasSubstr("known here: operator, root-admin"));
  EXPECT_THAT(
      faults("lead:\n  - read_jobs\n  - submit_job\n"),
      AllOf(HasSubstr("unknown action 'submit_job'"), HasSubstr("did you mean 'submit_jobs'")));
  EXPECT_THAT(faults("lead: all\n"), HasSubstr("roles.yaml:1"));
  EXPECT_THAT(faults("lead: [read_jobs]\nlead: [submit_jobs]\n"), HasSubstr("roles.yaml:2"));
  EXPECT_THAT(faults("{}\n"), HasSubstr("no role is named"));
  EXPECT_THAT(faults("approval: automatic\nsubmitters: [a]\n"), HasSubstr("a policy.yaml"));
}

TEST(RolesFile, WhatIsPrintedIsReadAgain) {
  const std::string text = text_of(built_in_roles());
  EXPECT_EQ(*parse_role_matrix(text, "roles.yaml"), built_in_roles()) << text;
}

TEST(RolesFile, TheBuiltInMatrixDeniesWhatNobodyShouldHave) {
  const RoleMatrix& roles = built_in_roles();
  EXPECT_EQ(roles_that_may(roles, kControlSites),
            (std::vector<std::string>{"operator", "org-admin", "root-admin"}));
  EXPECT_EQ(roles_that_may(roles, kEnrolSites), roles_that_may(roles, kControlSites));
  EXPECT_EQ(roles_that_may(roles, kSubmitJobs),
            (std::vector<std::string>{"lead", "operator", "org-admin", "root-admin"}));
  EXPECT_FALSE(may(roles, "auditor", kReadModels));
  for (const ActionInfo& one : kOperatorActions) {
    EXPECT_EQ(action_from_name(one.name), one.action);
    for (const char* stranger : {"site", "evaluator", "coordinator", "guest", ""})
      EXPECT_FALSE(may(roles, stranger, one.action));
  }
  EXPECT_EQ(action_from_name("everything"), std::nullopt);
}

Result<CoordinatorConfig> coordinator(const std::string& more) {
  return parse_coordinator_config(
      "state_dir: s\ntls: {certificate: c.pem, key: k.pem, ca: ca.pem}\n" + more, "/etc/t/c.yaml");
}

TEST(CoordinatorFile, NamesRolesAndTheSingleSignOn) {
  const auto config = coordinator(R"(roles: roles.yaml
oidc:
  issuer: https://sso.example.org/realms/fl
  audience: tributary
  jwks: keys.json
  name_claim: email
  role_claim: groups
  role_map: {"/fl leads": lead, "/fl/all": analyst}
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->roles_file, "/etc/t/roles.yaml");
  ASSERT_TRUE(config->oidc);
  EXPECT_EQ(config->oidc->jwks_file, "/etc/t/keys.json");
  const OidcRules& rules = config->oidc->rules;
  EXPECT_EQ(rules.issuer, "https://sso.example.org/realms/fl");
  EXPECT_EQ(rules.name_claim, "email");
  EXPECT_EQ(rules.role_map, (std::vector<std::pair<std::string, std::string>>{
                                {"/fl leads", "lead"}, {"/fl/all", "analyst"}}));
  EXPECT_FALSE(coordinator("")->oidc);
}

TEST(CoordinatorFile, FaultsOfTheSingleSignOnAreNamed) {
  const auto fault = [](const std::string& oidc) {
    const auto config = coordinator("oidc: " + oidc + "\n");
    return config ? std::string("fine") : config.error().message;
  };
  EXPECT_THAT(fault("{issuer: a, jwks: k}"), HasSubstr("oidc.audience"));
  EXPECT_THAT(fault("{audience: a, jwks: k}"), HasSubstr("oidc.issuer"));
  EXPECT_THAT(fault("{issuer: \"\", audience: a, jwks: k}"), HasSubstr("must not be empty"));
  EXPECT_THAT(fault("{issuer: a, audience: a, jwks: k, name_claim: nick}"), HasSubstr("nick"));
  EXPECT_THAT(fault("{issuer: a, audience: a, jwks: k, role_map: {x: king}}"), HasSubstr("king"));
  EXPECT_THAT(fault("{issuer: a, audience: a, jwks: k, role_map: {}}"), HasSubstr("is empty"));
  EXPECT_THAT(fault("{issuer: a, audience: a, jwks: k, algorithms: [none]}"),
              HasSubstr("unknown key 'algorithms'"));
}

TEST(OperatorFile, AnOperatorComesWithACertificateOrWithAToken) {
  const auto config = [](const std::string& rest) {
    return parse_operator_config("coordinator: hub:1\n" + rest, "/etc/t/ctl.yaml");
  };
  const auto token = config("tls: {ca: ca.pem, crl: crl.pem}\nbearer_file: token\n");
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(token->bearer_file, "/etc/t/token");
  EXPECT_EQ(token->tls.certificate, "");
  EXPECT_EQ(token->tls.ca, "/etc/t/ca.pem");
  EXPECT_EQ(token->tls.crl, "/etc/t/crl.pem");
  EXPECT_TRUE(config("tls: {ca: ca.pem}\n")) << "the token may be in the environment";
  EXPECT_FALSE(config("tls: {crl: crl.pem}\nbearer_file: token\n")) << "whom to trust";
  EXPECT_FALSE(config("tls: {certificate: c, ca: ca.pem}\n"));
  EXPECT_FALSE(config("tls: {key: k, ca: ca.pem}\n"));
  const auto both = config("tls: {certificate: c, key: k, ca: ca.pem}\nbearer_file: token\n");
  ASSERT_FALSE(both);
  EXPECT_THAT(both.error().message, HasSubstr("ctl.yaml:3"));
  EXPECT_FALSE(config("tls: {ca: ca.pem}\nbearer: eyJhbGciOiJ9\n")) << "no token in a file for all";
}

}  // namespace
}  // namespace tributary
