// SPDX-License-Identifier: Apache-2.0
#include "common/audit/audit_log.h"

#include <gtest/gtest.h>

#include "tests/unit/common/audit/audit_files.h"

namespace tributary {
namespace {

class AuditLogTest : public testing::Test {
 protected:
  AuditFiles files_;
};

TEST_F(AuditLogTest, GoesOnAfterARestart) {
  auto log = files_.open();
  files_.fill(*log, 4);
  const Digest root = log->tree().root();
  const TreeHead head = log->newest_head()->head;
  log = files_.open();
  EXPECT_EQ(log->size(), 4u);
  EXPECT_EQ(log->tree().root(), root);
  ASSERT_TRUE(log->newest_head());
  EXPECT_EQ(log->newest_head()->head, head);
  EXPECT_TRUE(verify_head(files_.ca.certificate, *log->newest_head()));
  files_.fill(*log, 5);
  EXPECT_EQ(files_.open(9)->tree().root(), log->tree().root());
}

TEST_F(AuditLogTest, AHeadIsSignedOnce) {
  const auto log = files_.open();
  files_.fill(*log, 3);
  const std::string text = files_.text();
  ASSERT_TRUE(log->sign(files_.coordinator, files_.now_ms + 1));
  EXPECT_EQ(files_.text(), text);
}

TEST_F(AuditLogTest, ACountersignatureIsKeptOnceAlsoAfterARestart) {
  auto log = files_.open();
  files_.fill(*log, 3);
  const Signer site = files_.signer("north", "site");
  const Countersignature one = *countersign(site, log->newest_head()->head, files_.now_ms);
  ASSERT_TRUE(log->keep(one));
  const std::string text = files_.text();
  EXPECT_NE(text.find("\ncountersignature "), std::string::npos);
  ASSERT_TRUE(log->keep(one));
  log = files_.open();
  ASSERT_TRUE(log->keep(one));
  EXPECT_EQ(files_.text(), text);
}

TEST_F(AuditLogTest, WhatAKillLeftOfALineGoes) {
  auto log = files_.open();
  files_.fill(*log, 5);
  const std::string text = files_.text();
  const std::string line = text_of(RecordLine{leaf_of(5, "{}"), 5, "{}"});
  for (std::size_t bytes = 1; bytes < line.size(); bytes += 7) {
    files_.write(text + line.substr(0, bytes));
    log = files_.open();
    EXPECT_EQ(log->size(), 5u);
    files_.fill(*log, 1);
    EXPECT_EQ(files_.open()->size(), 6u);
  }
}

TEST_F(AuditLogTest, RecordsThatItsOwnerDoesNotKnowOfGo) {
  auto log = files_.open();
  files_.fill(*log, 5);
  log = files_.open(4);
  EXPECT_EQ(log->size(), 4u);
  files_.fill(*log, 1);
  EXPECT_EQ(files_.open(5)->size(), 5u);
}

TEST_F(AuditLogTest, RecordsUnderAHeadNeverGo) {
  files_.fill(*files_.open(), 6);
  const std::string text = files_.text();
  const auto log = AuditLog::open(files_.disk, files_.path, 5);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(log.error().message.find("the state is older"), std::string::npos)
      << log.error().message;
  EXPECT_EQ(files_.text(), text);
}

TEST_F(AuditLogTest, AFileWithFewerThanItsOwnerKnowsOfIsRefused) {
  files_.fill(*files_.open(), 5);
  const auto log = AuditLog::open(files_.disk, files_.path, 6);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(log.error().message.find("5 records of 6"), std::string::npos) << log.error().message;
}

TEST_F(AuditLogTest, ADamagedFileIsRefusedAndLeftAsItIs) {
  files_.fill(*files_.open(), 5);
  std::string text = files_.text();
  text[text.find("number 1")] ^= 1;
  files_.write(text);
  const auto log = AuditLog::open(files_.disk, files_.path);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(log.error().message.find("record 1"), std::string::npos) << log.error().message;
  EXPECT_NE(log.error().message.find("audit verify"), std::string::npos) << log.error().message;
  EXPECT_EQ(files_.text(), text);
}

TEST_F(AuditLogTest, OnAFullDiskAllRecordsOfAnAppendAreThereOrNone) {
  auto log = files_.open();
  files_.fill(*log, 2);
  const Digest root = log->tree().root();
  const std::vector<std::string> two{"{\"event\":\"a\"}", "{\"event\":\"b\"}"};
  for (std::uint64_t room = 0; room < 170; room += 13) {
    files_.disk.room = room;
    ASSERT_FALSE(log->append(two)) << room;
    EXPECT_EQ(log->tree().root(), root);
  }
  files_.disk.room = 1u << 20;
  ASSERT_TRUE(log->append(two));
  EXPECT_EQ(log->size(), 4u);
  EXPECT_EQ(files_.open(4)->tree().root(), log->tree().root());
}

TEST_F(AuditLogTest, WhatIsTakenBackIsNotThereForTheNext) {
  auto log = files_.open();
  files_.fill(*log, 2);
  const Digest root = log->tree().root();
  const std::vector<std::string> one{"{\"event\":\"a\"}"};
  ASSERT_TRUE(log->append(one));
  log->take_back();
  EXPECT_EQ(log->tree().root(), root);
  files_.fill(*log, 1);
  EXPECT_EQ(files_.open(3)->tree().root(), log->tree().root());
}

}  // namespace
}  // namespace tributary
