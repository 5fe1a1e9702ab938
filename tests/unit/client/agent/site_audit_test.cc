// SPDX-License-Identifier: Apache-2.0
#include "client/agent/site_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/audit/audit_verify.h"
#include "common/crypto/digest.h"
#include "common/crypto/pki.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SiteAuditTest : public testing::Test {
 protected:
  Signer signer(const std::string& name, const std::string& role) const {
    const PemPair own = *issue_certificate(ca_, {name, role, {}, KeyKind::kEd25519, 50});
    return *Signer::make(own.certificate, own.key);
  }
  void open() {
    audit_.reset();
    audit_ = *SiteAudit::open({disk_, clock_, *events_}, folder_, signer("north", "site"),
                              ca_.certificate);
  }
  // The head of the coordinator's log over its first `size` records, for one who keeps `from`.
  AuditHead head(std::uint64_t size, std::uint64_t from, const std::string& records = "a",
                 const std::string& role = "coordinator", const std::string& name = "c1") const {
    MerkleTree tree;
    for (std::uint64_t i = 0; i < size; ++i) tree.append(leaf_of(i, records));
    const SignedHead one = *sign_head(signer(name, role), {size, tree.root(), clock_.wall_ms()});
    return {size,
            one.head.root,
            one.head.at_ms,
            one.signature.certificates,
            std::string(as_text(one.signature.bytes)),
            from <= size ? tree.consistency_proof(from, size) : std::vector<Digest>{}};
  }
  Result<bool> take(const AuditHead& one) { return audit_->take(one, "c1"); }
  std::string text(const std::string& path) {
    const auto bytes = disk_.read(path, 1u << 20);
    return bytes ? std::string(as_text(*bytes)) : "";
  }

  TemporaryDirectory directory_;
  const std::string folder_ = directory_ / "audit";
  FullDisk disk_;
  SystemClock clock_;
  PemPair ca_ = *make_ca("test", KeyKind::kEd25519, 100);
  std::unique_ptr<EventLog> events_ =
      *EventLog::open({.file = directory_ / "log.jsonl", .text_fd = -1}, clock_);
  std::unique_ptr<SiteAudit> audit_;
};

TEST_F(SiteAuditTest, WhatLeavesTheSiteIsInItsLogUnderAHead) {
  open();
  const TaskKey key{JobId{"heart-1"}, 2, 1, TaskKind::kTrain};
  const BlobRef update{sha256(as_bytes("update")), 6};
  ASSERT_TRUE(audit_->note_sent(TaskAccepted{key}));
  ASSERT_TRUE(audit_->note_sent(Heartbeat{}));
  ASSERT_TRUE(audit_->note_sent(TaskResult{key, TrainResult{update, 100, 0.5, 0.25, 1.5}}));
  ASSERT_TRUE(audit_->note_upload(update));
  ASSERT_TRUE(audit_->note_sent(TaskResult{key, TaskFailure{Reason::kPolicyDenied, "no"}}));
  open();
  const auto summary = *verify_audit(**disk_.open(folder_ + "/audit.log"), ca_.certificate);
  EXPECT_THAT(summary.faults, ElementsAre());
  EXPECT_EQ(summary.records, 4u);
  EXPECT_EQ(summary.signed_records, 4u);
  EXPECT_EQ(summary.signer, "north");
  const std::string log = text(folder_ + "/audit.log");
  EXPECT_THAT(log, HasSubstr("\"blob_bytes\":6,\"blob_sha256\":\"" + update.digest.hex()));
  for (const char* event : {"task.accepted", "result.sent", "blob.sent", "task.refused"})
    EXPECT_THAT(log, HasSubstr("\"event\":\"" + std::string(event) + "\""));
}

TEST_F(SiteAuditTest, OfASecureSumItHasAmongHowManyItIs) {
  open();
  const TaskKey key{JobId{"heart-1"}, 2, 1, TaskKind::kTrain};
  const auto bits = [](unsigned low, unsigned high) {
    return Bytes{static_cast<std::byte>(low), static_cast<std::byte>(high)};
  };
  ASSERT_TRUE(audit_->note_asked({key, SumRoster{}}));
  ASSERT_TRUE(audit_->note_asked({key, SumSurvivors{bits(0xff, 0x3), bits(0xf7, 0x1)}}));
  const std::string log = text(folder_ + "/audit.log");
  EXPECT_THAT(log, HasSubstr("\"sites_in_sum\":8,\"sites_sharing\":10"));
  EXPECT_EQ((*verify_audit(**disk_.open(folder_ + "/audit.log"), ca_.certificate)).records, 1u);
}

TEST_F(SiteAuditTest, ALogThatLostItsEndDoesNotOpen) {
  open();
  const TaskKey key{JobId{"heart-1"}, 2, 1, TaskKind::kTrain};
  ASSERT_TRUE(audit_->note_sent(TaskAccepted{key}));
  const std::string one = text(folder_ + "/audit.log");
  ASSERT_TRUE(audit_->note_sent(TaskResult{key, TaskFailure{Reason::kPolicyDenied, "no"}}));
  const std::string two = text(folder_ + "/audit.log");
  for (const std::string& left : {one, std::string()}) {
    ASSERT_TRUE(disk_.write_durably(folder_ + "/audit.log", as_bytes(left)));
    const auto opened = SiteAudit::open({disk_, clock_, *events_}, folder_, signer("north", "site"),
                                        ca_.certificate);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(opened.error().message, HasSubstr("the 2 records"));
  }
  const std::string head = text(folder_ + "/audit.head");
  ASSERT_TRUE(disk_.write_durably(folder_ + "/audit.log", as_bytes(two)));
  open();
  ASSERT_TRUE(audit_->note_sent(TaskAccepted{key}));
  ASSERT_TRUE(disk_.write_durably(folder_ + "/audit.head", as_bytes(head)));
  open();  // killed before the head was kept
}

TEST_F(SiteAuditTest, NothingLeavesThatCannotBeRecorded) {
  open();
  disk_.room = 10;
  EXPECT_FALSE(audit_->note_sent(TaskAccepted{{JobId{"heart-1"}, 2, 1, TaskKind::kTrain}}));
}

TEST_F(SiteAuditTest, KeepsEachHeadThatContinuesTheLast) {
  open();
  EXPECT_EQ(audit_->countersignature()->size, 0u);
  EXPECT_TRUE(*take(head(3, 0)));
  EXPECT_TRUE(*take(head(5, 3)));
  open();
  const AuditCountersignature kept = *audit_->countersignature();
  EXPECT_EQ(kept.size, 5u);
  EXPECT_EQ(kept.root, head(5, 5).root);
  EXPECT_TRUE(*take(head(5, 5))) << "after a link that ended before the answer came";
  EXPECT_TRUE(*take(head(9, 5)));
  EXPECT_EQ(audit_->disputed(), "");
}

TEST_F(SiteAuditTest, AKeptHeadThatIsNotOneIsAFault) {
  open();
  EXPECT_TRUE(*take(head(3, 0)));
  for (const char* text : {"", "certificat"}) {
    ASSERT_TRUE(disk_.write_durably(folder_ + "/coordinator.head", as_bytes(text)));
    const auto opened = SiteAudit::open({disk_, clock_, *events_}, folder_, signer("north", "site"),
                                        ca_.certificate);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message, HasSubstr("coordinator.head"));
  }
}

TEST_F(SiteAuditTest, ALogThatWasRewrittenIsNotBelievedAnyMoreAlsoAfterARestart) {
  struct Case {
    AuditHead head;
    const char* why;
  };
  for (const Case& one : {Case{head(4, 4), "fewer records"}, Case{head(9, 5, "b"), "not those"},
                          Case{head(5, 5, "b"), "not those"}}) {
    ASSERT_TRUE(disk_.remove(folder_ + "/coordinator.head"));
    ASSERT_TRUE(disk_.remove(folder_ + "/coordinator.dispute"));
    open();
    ASSERT_TRUE(*take(head(5, 0)));
    const std::string kept = text(folder_ + "/coordinator.head");
    EXPECT_FALSE(*take(one.head));
    EXPECT_THAT(text(directory_ / "log.jsonl"), HasSubstr(one.why));
    open();
    EXPECT_THAT(audit_->disputed(), HasSubstr("coordinator.dispute"));
    EXPECT_FALSE(*take(head(9, 5))) << "also not if it is the old one again";
    EXPECT_EQ(text(folder_ + "/coordinator.head"), kept);
    EXPECT_THAT(text(folder_ + "/coordinator.dispute"), HasSubstr(kept));
  }
}

TEST_F(SiteAuditTest, AHeadOfAnotherCoordinatorOfTheFederationIsRefused) {
  open();
  ASSERT_TRUE(*take(head(5, 0)));
  const std::string kept = text(folder_ + "/coordinator.head");
  for (const AuditHead& other :
       {head(9, 5, "a", "coordinator", "c2"), head(9, 5, "b", "coordinator", "c2")}) {
    EXPECT_THAT(take(other).error().message, HasSubstr("c2, brought by c1"));
  }
  EXPECT_EQ(audit_->disputed(), "") << "it proves nothing about c1";
  EXPECT_EQ(text(folder_ + "/coordinator.head"), kept);
}

TEST_F(SiteAuditTest, AHeadByARevokedCertificateIsRefused) {
  open();
  const AuditHead one = head(5, 0);
  const std::string lists = *make_crl(ca_, "", {one.certificates}, 3600);
  audit_->renew(signer("north", "site"), Trust(ca_.certificate, lists));
  EXPECT_THAT(take(one).error().message, HasSubstr("'c1' was revoked"));
  EXPECT_EQ(audit_->countersignature()->size, 0u);
  EXPECT_TRUE(*take(head(5, 0))) << "by its next certificate";
}

TEST_F(SiteAuditTest, AHeadThatNoCoordinatorSignedIsRefusedAndIsNoDispute) {
  open();
  ASSERT_TRUE(*take(head(5, 0)));
  AuditHead changed = head(9, 5);
  changed.at_ms += 1;
  EXPECT_EQ(take(changed).error().code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(take(head(9, 5, "a", "site")).error().code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(audit_->disputed(), "");
}

}  // namespace
}  // namespace tributary
