// SPDX-License-Identifier: Apache-2.0
// Roles and tokens as the files of the coordinator have them, and what becomes of new files.
#include "coordinator/service/operator_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/temporary_directory.h"
#include "tests/support/tokens.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

class OperatorAccessTest : public testing::Test {
 protected:
  OperatorAccessTest() {
    config_.oidc = OidcConfig{{"https://sso.example.org", "tributary"}, directory_ / "keys.json"};
    write("keys.json", key_.key_set());
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name, std::ios::trunc) << text;
  }
  std::string token(const TokenKey& key, const std::string& role) const {
    return key.token(Json{
        {"iss", "https://sso.example.org"},
        {"aud", "tributary"},
        {"sub", "anna"},
        {"exp", now_ + 300},
        {"tributary_role",
         role}}.dump());
  }
  std::string log() const {
    std::ifstream in(directory_ / "log.jsonl");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  TemporaryDirectory directory_;
  const std::int64_t now_ = 1'700'000'000;
  TokenKey key_{"k1", "ES256"}, next_{"k2", "EdDSA"};
  CoordinatorConfig config_;
  ManualClock clock_;
  std::unique_ptr<EventLog> log_ =
      *EventLog::open({EventLevel::kDebug, false, directory_ / "log.jsonl", -1}, clock_);
};

TEST_F(OperatorAccessTest, ATokenMakesACallerWithAnEnd) {
  const auto access = OperatorAccess::open(config_);
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->roles(), built_in_roles());
  const auto caller = access->by_token(token(key_, "analyst"), now_);
  ASSERT_TRUE(caller) << caller.error().message;
  EXPECT_EQ(caller->name, "oidc:anna");
  EXPECT_EQ(caller->role, "analyst");
  EXPECT_EQ(caller->until_seconds, now_ + 300 + kTokenLeewaySeconds);
  EXPECT_FALSE(access->by_token(token(key_, "janitor"), now_));
}

TEST_F(OperatorAccessTest, WithoutASingleSignOnNoTokenIsTaken) {
  config_.oidc.reset();
  const auto access = OperatorAccess::open(config_);
  ASSERT_TRUE(access);
  EXPECT_FALSE(access->takes_tokens());
  const auto refused = access->by_token(token(key_, "analyst"), now_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnauthenticated);
}

TEST_F(OperatorAccessTest, FilesWithFaultsKeepItFromStarting) {
  const auto fault = [this] {
    const auto access = OperatorAccess::open(config_);
    if (access) return std::string("fine");
    EXPECT_EQ(access.error().code, ErrorCode::kInvalidArgument);
    return access.error().message;
  };
  write("keys.json", "no keys");
  EXPECT_THAT(fault(), HasSubstr("keys.json"));
  config_.oidc->jwks_file = directory_ / "nowhere.json";
  EXPECT_THAT(fault(), HasSubstr("nowhere.json"));
  config_.oidc.reset();
  config_.roles_file = directory_ / "roles.yaml";
  EXPECT_THAT(fault(), HasSubstr("roles.yaml"));
  write("roles.yaml", "lead: [read_jobs]\nking: [read_jobs]\n");
  EXPECT_THAT(fault(), HasSubstr("roles.yaml:2"));
}

TEST_F(OperatorAccessTest, NewFilesAreInForceAtOnceAndBrokenOnesChangeNothing) {
  config_.roles_file = directory_ / "roles.yaml";
  write("roles.yaml", "analyst: [read_status, control_jobs]\n");
  auto access = OperatorAccess::open(config_);
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_TRUE(may(access->roles(), "analyst", OperatorAction::kControlJobs));

  OperatorAccess::Changed changed = access->reload(*log_);
  EXPECT_FALSE(changed.roles || changed.keys);
  EXPECT_THAT(log(), Not(HasSubstr("access."))) << "nothing is new";

  write("keys.json", next_.key_set());
  changed = access->reload(*log_);
  EXPECT_TRUE(changed.keys && !changed.roles);
  EXPECT_THAT(log(), HasSubstr("access.reloaded"));
  EXPECT_FALSE(access->by_token(token(key_, "lead"), now_));
  EXPECT_TRUE(access->by_token(token(next_, "lead"), now_));

  write("roles.yaml", "analyst: [read_statu]\n");
  write("keys.json", key_.key_set());
  changed = access->reload(*log_);
  EXPECT_FALSE(changed.roles || changed.keys) << "all of it, or nothing";
  EXPECT_THAT(log(), HasSubstr("access.kept"));
  EXPECT_TRUE(access->by_token(token(next_, "lead"), now_));
  EXPECT_TRUE(may(access->roles(), "analyst", OperatorAction::kControlJobs));

  write("roles.yaml", "analyst: [read_status]\n");
  changed = access->reload(*log_);
  EXPECT_TRUE(changed.keys && changed.roles);
  EXPECT_FALSE(may(access->roles(), "analyst", OperatorAction::kControlJobs));
}

}  // namespace
}  // namespace tributary
