// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/site_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class SiteRegistryTest : public testing::Test {
 protected:
  void open() {
    registry_.reset();
    store_.reset();
    store_ = *StateStore::open(directory_ / "state.sqlite");
    registry_.emplace(*SiteRegistry::open(*store_, *log_));
    registry_->set_doors(
        [this](const SiteName& site, const Error& why) {
          dropped_.push_back(site.value + ": " + why.message);
          return true;
        },
        [this](const SiteName& site) { allowed_.push_back(site.value); });
  }
  std::string refusal(const std::string& site, const std::string& fingerprint) {
    const Status may = registry_->admit(SiteName{site}, fingerprint);
    return may ? "" : may.error().message;
  }
  Result<SiteControlled> control(const std::string& site, SiteAction action,
                                 const std::string& why = "") {
    return registry_->control({SiteName{site}, action, why}, "olga");
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
  std::unique_ptr<EventLog> log_ = *EventLog::open({EventLevel::kError, false, "", -1}, clock_);
  std::unique_ptr<StateStore> store_;
  std::optional<SiteRegistry> registry_;
  std::vector<std::string> dropped_, allowed_;
};

TEST_F(SiteRegistryTest, ADisabledSiteStaysOutOverARestartUntilItIsEnabled) {
  open();
  EXPECT_EQ(refusal("north", "f1"), "");
  const auto disabled = control("north", SiteAction::kDisable, "ward moves");
  ASSERT_TRUE(disabled);
  EXPECT_TRUE(disabled->was_on_link);
  EXPECT_THAT(dropped_, ElementsAre("north: disabled by operator olga: ward moves"));
  open();
  EXPECT_THAT(refusal("north", "f1"), AllOf(HasSubstr("disabled by operator olga: ward moves")));
  EXPECT_EQ(refusal("south", "f2"), "");
  std::vector<SiteRow> rows;
  registry_->describe(rows);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].kept_out, "disabled");
  EXPECT_EQ(rows[0].why, "by olga: ward moves");
  ASSERT_TRUE(control("north", SiteAction::kEnable));
  EXPECT_EQ(allowed_, std::vector<std::string>{"north"});
  open();
  EXPECT_EQ(refusal("north", "f1"), "");
  EXPECT_EQ(control("north", SiteAction::kEnable).error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(SiteRegistryTest, ARevokedCertificateNeverComesInAgain) {
  open();
  for (const char* fingerprint : {"f1", "f2"}) EXPECT_EQ(refusal("north", fingerprint), "");
  EXPECT_EQ(control("north", SiteAction::kRevoke, "laptop lost")->certificates, 2u);
  EXPECT_THAT(refusal("north", "f3"), HasSubstr("revoked by operator olga"));
  ASSERT_TRUE(control("north", SiteAction::kDisable));
  EXPECT_THAT(refusal("north", "f3"), HasSubstr("revoked")) << "it does not get milder";
  ASSERT_TRUE(control("north", SiteAction::kEnable));
  open();
  for (const char* fingerprint : {"f1", "f2"})
    EXPECT_THAT(refusal("north", fingerprint), HasSubstr("needs a new one"));
  EXPECT_EQ(refusal("north", "f3"), "");
  EXPECT_EQ(control("elsewhere", SiteAction::kRevoke)->certificates, 0u) << "it never came";
  EXPECT_THAT(refusal("elsewhere", "f9"), HasSubstr("revoked"));
}

TEST_F(SiteRegistryTest, AStateOfTheFirstVersionIsTakenOver) {
  open();
  registry_.reset();
  store_.reset();
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ / "state.sqlite").c_str(), &database), SQLITE_OK);
  sqlite3_exec(
      database,
      "DROP TABLE enrolments; DROP TABLE ledger; DROP TABLE standings; DROP TABLE audit; PRAGMA user_version=1;",
      nullptr, nullptr, nullptr);
  sqlite3_close(database);
  open();
  EXPECT_TRUE(control("north", SiteAction::kDisable));
  open();
  EXPECT_NE(refusal("north", "f1"), "");
}

}  // namespace
}  // namespace tributary
