// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/audit_trail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <nlohmann/json.hpp>

#include "common/audit/audit_verify.h"
#include "common/crypto/digest.h"
#include "common/crypto/pki.h"
#include "coordinator/service/state_store.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::json;

Digest digest_of(const std::string& text) { return sha256(as_bytes(text)); }

class AuditTrailTest : public testing::Test {
 protected:
  Result<std::unique_ptr<StateStore>> try_open() {
    return StateStore::open(
        directory_ / "state.sqlite", [this](std::uint64_t records) -> Result<AuditTrail*> {
          TRIB_TRY(trail, AuditTrail::open({disk_, clock_, [this] { ++told_; }},
                                           directory_ / "audit.log", records, signer()));
          trail_ = std::move(trail);
          return trail_.get();
        });
  }
  void open() {
    store_.reset();
    store_ = *try_open();
  }
  Signer signer() const { return *Signer::make(own_.certificate, own_.key); }

  RoundEffects submit() const {
    JobRecord job;
    job.id = JobId{"heart-1"};
    job.document = "name: heart\n";
    return {SaveJob{job}, Report{"job.submitted",
                                 {{"job", std::string("heart-1")},
                                  {"operator", std::string("ada")},
                                  {"dry_run", false}}}};
  }
  RoundEffects commit(RoundNumber round) const {
    JobRecord job;
    job.id = JobId{"heart-1"};
    job.document = "name: heart\n";
    job.round = round;
    job.rows = {{SiteName{"north"}, {100, 20}}};
    job.model.digest = digest_of("model " + std::to_string(round));
    RoundRow row;
    row.round = round;
    row.task = "train";
    row.outcome = "committed";
    row.model = job.model.digest;
    row.participants = {{SiteName{"north"}, "train", "accepted", "", 9, 100, 1.0, 0.5, 0.1}};
    return {SaveRound{job.id, row}, SaveJob{job}, ForgetAccepted{job.id},
            Report{"round.committed", {{"job", std::string("heart-1")}}}};
  }
  SaveAccepted accept(RoundNumber round) const {
    AcceptedUpdate update;
    update.key = {JobId{"heart-1"}, round, 1, TaskKind::kTrain};
    update.site = SiteName{"north"};
    update.into = round;
    update.result.examples = 100;
    update.result.update = {digest_of("update"), 9};
    return SaveAccepted{update};
  }
  std::vector<Json> records() {
    std::vector<Json> found;
    const auto file = *disk_.open(directory_ / "audit.log");
    const auto read = read_lines(*file, [&](std::uint64_t, std::string_view text, bool) {
      const auto line = *parse_audit_line(text);
      if (const auto* record = std::get_if<RecordLine>(&line))
        found.push_back(Json::parse(record->json));
      return Status{};
    });
    EXPECT_TRUE(read);
    return found;
  }
  std::vector<std::string> faults() {
    return verify_audit(**disk_.open(directory_ / "audit.log"), ca_.certificate)->faults;
  }

  TemporaryDirectory directory_;
  FullDisk disk_;
  SystemClock clock_;
  PemPair ca_ = *make_ca("test", KeyKind::kEd25519, 100);
  PemPair own_ = *issue_certificate(ca_, {"c1", "coordinator", {}, KeyKind::kEd25519, 50});
  int told_ = 0;
  std::unique_ptr<AuditTrail> trail_;
  std::unique_ptr<StateStore> store_;
};

TEST_F(AuditTrailTest, ARoundsRecordHasAllThatItsModelWasMadeOf) {
  open();
  ASSERT_TRUE(store_->apply(submit()));
  ASSERT_TRUE(store_->apply(commit(1)));
  ASSERT_TRUE(store_->apply({accept(2)}));
  ASSERT_TRUE(store_->apply(commit(2)));
  const std::vector<Json> found = records();
  ASSERT_EQ(found.size(), 3u) << "an accepted update has none of its own";
  EXPECT_EQ(told_, 3);
  EXPECT_EQ(found[0]["event"], "job.submitted");
  EXPECT_EQ(found[0]["operator"], "ada");
  EXPECT_EQ(found[0]["document"], "name: heart\n");
  const Json& round = found[2];
  EXPECT_EQ(round["event"], "round.committed");
  EXPECT_EQ(round["round"], 2);
  EXPECT_EQ(round["document_sha256"], digest_of("name: heart\n").hex());
  EXPECT_EQ(round["model_before"], digest_of("model 1").hex());
  EXPECT_EQ(round["model"], digest_of("model 2").hex());
  EXPECT_EQ(round["rows"]["north"], 100);
  EXPECT_EQ(round["participants"][0]["reason"], "accepted");
  ASSERT_EQ(round["updates"].size(), 1u);
  EXPECT_EQ(round["updates"][0]["update"]["digest"], digest_of("update").hex());
  EXPECT_EQ(round["updates"][0]["examples"], 100);
  EXPECT_TRUE(round["updates"][0].contains("share"));
  ASSERT_TRUE(trail_->sign());
  EXPECT_THAT(faults(), ElementsAre());
}

TEST_F(AuditTrailTest, AKillBeforeTheTransactionLeavesNoRecord) {
  open();
  ASSERT_TRUE(store_->apply(submit()));
  const RoundEffects effects = commit(1);
  ASSERT_TRUE(trail_->append(effects, *store_)) << "and then the process is killed";
  open();
  EXPECT_EQ(records().size(), 1u);
  ASSERT_TRUE(store_->apply(effects));
  EXPECT_EQ(records().size(), 2u);
  open();
  EXPECT_EQ(records().size(), 2u);
  ASSERT_TRUE(trail_->sign());
  EXPECT_THAT(faults(), ElementsAre());
}

TEST_F(AuditTrailTest, ATransactionThatFailsLeavesNoRecord) {
  open();
  ASSERT_TRUE(store_->apply(submit()));
  disk_.room = 10;
  ASSERT_FALSE(store_->apply(commit(1))) << "the log's disk is full";
  disk_.room = 1u << 20;
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ / "state.sqlite").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "DROP TABLE rounds", nullptr, nullptr, nullptr), SQLITE_OK);
  ASSERT_FALSE(store_->apply(commit(1))) << "the state cannot be written";
  EXPECT_EQ(trail_->log().size(), 1u);
  sqlite3_close(other);
  ASSERT_TRUE(store_->apply(submit()));
  EXPECT_EQ(records().size(), 2u);
}

TEST_F(AuditTrailTest, ALogThatDoesNotBelongToTheStateIsRefused) {
  open();
  ASSERT_TRUE(store_->apply(submit()));
  ASSERT_TRUE(trail_->sign());
  store_.reset();
  const Bytes log = *disk_.read(directory_ / "audit.log", 1u << 20);
  ASSERT_TRUE(disk_.remove(directory_ / "audit.log"));
  EXPECT_THAT(try_open().error().message, HasSubstr("0 records of 1"));
  ASSERT_TRUE(disk_.write_durably(directory_ / "audit.log", log));
  ASSERT_TRUE(disk_.remove(directory_ / "state.sqlite"));
  EXPECT_THAT(try_open().error().message, HasSubstr("the state is older than the log"));
  EXPECT_EQ(*disk_.read(directory_ / "audit.log", 1u << 20), log);
}

}  // namespace
}  // namespace tributary
