// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/audit_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "common/audit/audit_verify.h"
#include "common/crypto/pki.h"
#include "coordinator/service/state_store.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const SiteName kNorth{"north"};

class AuditExchangeTest : public testing::Test {
 protected:
  void decide() {
    const RoundEffects effects{Report{"job.aborted", {{"job", std::string("heart")}}}};
    ASSERT_TRUE(trail_->append(effects, *store_));
    exchange_.sign();
  }
  Signer signer(const std::string& name, const std::string& role) const {
    const PemPair own = *issue_certificate(ca_, {name, role, {}, KeyKind::kEd25519, 50});
    return *Signer::make(own.certificate, own.key);
  }
  AuditCountersignature countersigned(const Signer& by, const TreeHead& head) const {
    const Countersignature one = *countersign(by, head, clock_.wall_ms());
    return {head.size,
            head.root,
            head.at_ms,
            one.at_ms,
            one.signature.certificates,
            std::string(as_text(one.signature.bytes))};
  }
  // What ends the link is the error.
  Status answer(const SiteName& site, const AuditCountersignature& message) {
    dropped_ = {};
    exchange_.on_countersignature(site, message);
    return dropped_;
  }
  TreeHead newest() const { return trail_->log().newest_head()->head; }
  std::string log() const {
    return std::string(as_text(*files_->read(directory_ / "log.jsonl", 1u << 20)));
  }

  TemporaryDirectory directory_;
  SystemClock clock_;
  std::unique_ptr<FileSystem> files_ = make_file_system();
  PemPair ca_ = *make_ca("test", KeyKind::kEd25519, 100);
  Signer north_ = signer("north", "site");
  std::unique_ptr<StateStore> store_ = *StateStore::open(":memory:");
  std::unique_ptr<EventLog> events_ =
      *EventLog::open({.file = directory_ / "log.jsonl", .text_fd = -1}, clock_);
  std::unique_ptr<AuditTrail> trail_ = *AuditTrail::open(
      {*files_, clock_, [] {}}, directory_ / "audit.log", 0, signer("c1", "coordinator"));
  std::vector<AuditHead> sent_;
  Status dropped_;
  std::deque<std::function<void()>> elsewhere_;  // checks that are not done yet
  bool waits_ = false;
  AuditExchange exchange_{{*trail_, *events_, ca_.certificate,
                           [this](const SiteName&, const Message& message) {
                             sent_.push_back(std::get<AuditHead>(message));
                           },
                           [this](const SiteName&, const Error& why) { dropped_ = why; },
                           [this](std::function<void()> work, std::function<void()> then) {
                             const auto both = [work, then] {
                               work();
                               then();
                             };
                             if (waits_) return elsewhere_.push_back(both);
                             both();
                           }}};
};

TEST_F(AuditExchangeTest, EachHeadComesWithTheProofThatItContinuesTheLast) {
  exchange_.sign();
  ASSERT_TRUE(answer(kNorth, {}));
  EXPECT_TRUE(sent_.empty()) << "nothing is in the log yet";
  decide();
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].root, newest().root);
  const TreeHead first = newest();
  ASSERT_TRUE(answer(kNorth, countersigned(north_, first)));
  EXPECT_EQ(sent_.size(), 1u);
  decide();
  decide();
  ASSERT_EQ(sent_.size(), 2u) << "one at a time";
  EXPECT_TRUE(verify_consistency(1, first.root, 2, sent_[1].root, sent_[1].proof));
  const TreeHead second{sent_[1].size, sent_[1].root, sent_[1].at_ms};
  ASSERT_TRUE(answer(kNorth, countersigned(north_, second)));
  ASSERT_EQ(sent_.size(), 3u);
  EXPECT_TRUE(verify_consistency(2, second.root, 3, sent_[2].root, sent_[2].proof));
  const auto summary = *verify_audit(**files_->open(directory_ / "audit.log"), ca_.certificate);
  EXPECT_THAT(summary.faults, ElementsAre());
  EXPECT_EQ(summary.countersigned, (std::map<std::string, std::uint64_t>{{"north", 2}}));
}

TEST_F(AuditExchangeTest, ASiteThatComesBackGoesOnFromWhatItKeeps) {
  ASSERT_TRUE(answer(kNorth, {}));
  decide();
  const TreeHead first = newest();
  decide();
  ASSERT_EQ(sent_.size(), 1u) << "it has not answered, and its link ends";
  exchange_.begin(kNorth);
  ASSERT_TRUE(answer(kNorth, countersigned(north_, first)));
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_TRUE(verify_consistency(1, first.root, 2, sent_[1].root, sent_[1].proof));
}

TEST_F(AuditExchangeTest, AHeadOfAnotherLogIsToldAndTheSiteSeesTheNewest) {
  decide();
  const TreeHead other{7, newest().root, clock_.wall_ms()};
  ASSERT_TRUE(answer(kNorth, countersigned(north_, other)));
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].size, 1u);
  EXPECT_THAT(log(), HasSubstr("audit.disputed"));
  EXPECT_TRUE(verify_audit(**files_->open(directory_ / "audit.log"), ca_.certificate)
                  ->countersigned.empty());
}

TEST_F(AuditExchangeTest, AHeadThatASiteRefusesIsOfferedAgainWhenAnotherCertificateHasSignedIt) {
  ASSERT_TRUE(answer(kNorth, {}));
  decide();
  ASSERT_EQ(sent_.size(), 1u);
  ASSERT_TRUE(answer(kNorth, {})) << "it keeps what it had: nothing";
  exchange_.sign();
  EXPECT_EQ(sent_.size(), 1u) << "not the same again and again";
  exchange_.begin(kNorth);
  ASSERT_TRUE(answer(kNorth, {}));
  ASSERT_EQ(sent_.size(), 2u) << "once on each link: it may have changed its mind";
  ASSERT_TRUE(answer(kNorth, {}));
  trail_->renew(signer("c1", "coordinator"));
  exchange_.renew(ca_.certificate);
  ASSERT_EQ(sent_.size(), 3u);
  EXPECT_EQ(sent_[2].size, sent_[1].size);
  EXPECT_NE(sent_[2].certificates, sent_[1].certificates);
  const TreeHead head{sent_[2].size, sent_[2].root, sent_[2].at_ms};
  ASSERT_TRUE(answer(kNorth, countersigned(north_, head)));
  const auto summary = *verify_audit(**files_->open(directory_ / "audit.log"), ca_.certificate);
  EXPECT_THAT(summary.faults, ElementsAre());
  EXPECT_EQ(summary.heads, 2u);
  EXPECT_EQ(summary.countersigned, (std::map<std::string, std::uint64_t>{{"north", 1}}));
}

TEST_F(AuditExchangeTest, WhatARevokedCertificateSignedIsRefused) {
  decide();
  const AuditCountersignature one = countersigned(north_, newest());
  exchange_.renew(Trust(ca_.certificate, *make_crl(ca_, "", {north_.certificates()}, 3600)));
  EXPECT_FALSE(answer(kNorth, one));
}

TEST_F(AuditExchangeTest, WhatWasSaidOnALinkThatHasEndedIsNoAnswerOnTheNext) {
  decide();
  waits_ = true;
  exchange_.begin(kNorth);
  ASSERT_TRUE(answer(kNorth, countersigned(north_, newest())));
  exchange_.begin(kNorth);
  elsewhere_.front()();
  decide();
  EXPECT_TRUE(sent_.empty()) << "it has not said yet what it keeps";
  ASSERT_TRUE(answer(kNorth, {}));
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].size, 2u);
}

TEST_F(AuditExchangeTest, WhoeverSpeaksOutOfTurnLosesTheLink) {
  decide();
  waits_ = true;
  ASSERT_TRUE(answer(kNorth, countersigned(north_, newest())));
  EXPECT_THAT(answer(kNorth, countersigned(north_, newest())).error().message,
              HasSubstr("nobody asked for"));
  EXPECT_EQ(elsewhere_.size(), 1u) << "no second check beside the first";
  elsewhere_.front()();
  EXPECT_FALSE(answer(kNorth, {})) << "no head was offered since";
}

TEST_F(AuditExchangeTest, WhatTheSiteDidNotSignIsRefused) {
  decide();
  AuditCountersignature changed = countersigned(north_, newest());
  changed.countersigned_ms += 1;
  EXPECT_FALSE(answer(kNorth, changed));
  exchange_.begin(kNorth);
  const AuditCountersignature of_other = countersigned(signer("south", "site"), newest());
  EXPECT_THAT(answer(kNorth, of_other).error().message, HasSubstr("by south, not by north"));
}

}  // namespace
}  // namespace tributary
