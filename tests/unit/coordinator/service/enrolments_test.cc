// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/enrolments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "common/crypto/digest.h"
#include "common/crypto/pki.h"
#include "common/crypto/signing_request.h"
#include "common/crypto/vouched_request.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kHourMs = 3'600'000;
const SiteName kNorth{"north"};

class EnrolmentsTest : public testing::Test {
 protected:
  EnrolmentsTest() {
    // To the time that certificates are made at.
    clock_.advance(Milliseconds(::time(nullptr) * 1000 - clock_.wall_ms()));
    open();
  }
  void open() {
    enrolments_.reset();
    store_.reset();
    store_ = *StateStore::open(directory_ / "state.sqlite");
    enrolments_.emplace(
        *Enrolments::open({clock_, *store_, *log_, [this] { return Trust(root_.certificate); },
                           [this] { return lists_; },
                           [this](const SiteName&, const std::string& fingerprint) {
                             asked_with_ = fingerprint;
                             return permitted_;
                           },
                           [this](const SiteName& site, const Message& news) {
                             if (const auto* update = std::get_if<TrustUpdate>(&news))
                               told_[site] = *update;
                             if (const auto* answer = std::get_if<EnrolAnswer>(&news))
                               answers_[site] = *answer;
                           }}));
  }
  Result<SiteInvited> invite(const std::string& token, std::int64_t hours = 72,
                             const std::string& role = "site") {
    return enrolments_->invite({kNorth, role, sha256(as_bytes(token)), hours * kHourMs}, "olga");
  }
  Result<EnrolAnswer> enrol(const std::string& token, const NewRequest& request) {
    return enrolments_->enrol({kNorth, token, request.request}, "10.0.0.7:1");
  }
  std::string refusal(const std::string& token, const NewRequest& request) {
    const auto answer = enrol(token, request);
    return answer ? "" : answer.error().message;
  }
  std::string signed_by(const PemPair& ca, const NewRequest& request, const std::string& role) {
    return *certify(ca, request.request, {"north", role, {}, KeyKind::kP256, 90});
  }
  Status renew(const NewRequest& request, const SiteName& site = kNorth) {
    const Signer signer = *Signer::make(present_.certificate, present_.key);
    return enrolments_->renew(site, {*vouch_for_request(signer, request.request)});
  }
  Result<EnrolmentDecided> decide(const NewRequest& request, const std::string& certificates,
                                  bool renewal = false) {
    return enrolments_->decide({kNorth, renewal, read_signing_request(request.request)->fingerprint,
                                certificates, "seen by phone"},
                               "olga");
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
  std::unique_ptr<EventLog> log_ = *EventLog::open({EventLevel::kError, false, "", -1}, clock_);
  PemPair root_ = *make_ca("test", KeyKind::kP256, 100);
  PemPair sites_ = *make_issuing_ca(root_, kSitesCa, KeyKind::kP256, 50);
  NewRequest request_ = *make_signing_request("north", "site", KeyKind::kP256);
  NewRequest other_ = *make_signing_request("north", "site", KeyKind::kP256);
  std::string lists_ = "lists";
  PemPair present_ = *issue_certificate(sites_, {"north", "site", {}, KeyKind::kP256, 10});
  Status permitted_;
  std::string asked_with_;
  std::map<SiteName, TrustUpdate> told_;
  std::map<SiteName, EnrolAnswer> answers_;
  std::unique_ptr<StateStore> store_;
  std::optional<Enrolments> enrolments_;
};

TEST_F(EnrolmentsTest, AnInvitedSiteGetsTheCertificateThatAnOperatorHadSigned) {
  EXPECT_FALSE(enrolments_->expects_guests());
  ASSERT_TRUE(invite("token"));
  EXPECT_TRUE(enrolments_->expects_guests());
  EXPECT_EQ(enrol("token", request_)->state, EnrolmentState::kRequested);
  open();  // all of it is durable
  EXPECT_TRUE(enrolments_->expects_guests());
  const EnrolmentList listed = enrolments_->list({});
  ASSERT_EQ(listed.rows.size(), 1u);
  EXPECT_EQ(listed.rows[0].request, request_.request);
  EXPECT_EQ(listed.rows[0].address, "10.0.0.7:1");
  const std::string certificates = signed_by(sites_, request_, "site");
  ASSERT_TRUE(decide(request_, certificates));
  open();
  const auto answer = enrol("token", request_);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->state, EnrolmentState::kIssued);
  EXPECT_EQ(answer->certificates, certificates);
  EXPECT_EQ(answer->crl, "lists");
}

TEST_F(EnrolmentsTest, ATokenIsGoodForOneKeyOnceAndForATime) {
  ASSERT_TRUE(invite("token", 1));
  const std::string wrong = refusal("tokem", request_);
  EXPECT_THAT(wrong, HasSubstr("not, or no longer, good"));
  ASSERT_TRUE(enrol("token", request_));
  EXPECT_EQ(refusal("token", other_), wrong) << "it says nothing of what is wrong";
  EXPECT_TRUE(enrol("token", request_)) << "the same key may ask again";
  ASSERT_TRUE(invite("newer"));
  EXPECT_EQ(refusal("token", request_), wrong) << "a later invitation takes its place";
  ASSERT_TRUE(invite("short", 1));
  clock_.advance(Milliseconds(kHourMs));
  EXPECT_EQ(refusal("short", request_), wrong);
  EXPECT_EQ(enrolments_->enrol({SiteName{"south"}, "short", request_.request}, "").error().code,
            ErrorCode::kPermissionDenied)
      << "nobody learns who was invited";
}

TEST_F(EnrolmentsTest, TheTokenItselfIsNotKept) {
  ASSERT_TRUE(invite("a-secret-token"));
  ASSERT_TRUE(enrol("a-secret-token", request_));
  const auto kept = store_->enrolments();
  ASSERT_EQ(kept->size(), 1u);
  for (const Enrolment& one : *kept)
    EXPECT_THAT(enrolment_to_json(one), testing::Not(HasSubstr("a-secret-token")));
}

TEST_F(EnrolmentsTest, OnlyWhatWasAskedForIsTaken) {
  ASSERT_TRUE(invite("token"));
  ASSERT_TRUE(enrol("token", request_));
  const auto fault = [&](const std::string& certificates) {
    const auto decided = decide(request_, certificates);
    return decided ? "" : decided.error().message;
  };
  EXPECT_THAT(fault(signed_by(sites_, other_, "site")), HasSubstr("asked for was"));
  EXPECT_THAT(fault(signed_by(sites_, request_, "evaluator")),
              AllOf(HasSubstr("evaluator 'north'"), HasSubstr("the site 'north'")));
  const PemPair elsewhere = *make_ca("elsewhere", KeyKind::kP256, 100);
  EXPECT_THAT(fault(signed_by(elsewhere, request_, "site")), HasSubstr("not to be trusted"));
  EXPECT_THAT(decide(other_, "").error().message, HasSubstr("asks for the key"));
  EXPECT_EQ(enrol("token", request_)->state, EnrolmentState::kRequested);
}

TEST_F(EnrolmentsTest, ADenialIsToldAndIsFinal) {
  ASSERT_TRUE(invite("token"));
  ASSERT_TRUE(enrol("token", request_));
  ASSERT_TRUE(decide(request_, ""));
  const auto answer = enrol("token", request_);
  EXPECT_EQ(answer->state, EnrolmentState::kDenied);
  EXPECT_EQ(answer->why, "seen by phone");
  EXPECT_EQ(decide(request_, signed_by(sites_, request_, "site")).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST_F(EnrolmentsTest, AnInvitationCanBeWithdrawnAndHasItsBounds) {
  ASSERT_TRUE(invite("token"));
  ASSERT_TRUE(enrolments_->decide({kNorth, false, "", "", "a mistake"}, "olga"));
  EXPECT_EQ(enrol("token", request_)->state, EnrolmentState::kDenied);
  EXPECT_THAT(refusal("guess", request_), HasSubstr("not, or no longer, good"));
  EXPECT_FALSE(invite("token", 24 * 31));
  EXPECT_FALSE(invite("token", 0));
  EXPECT_FALSE(invite("token", 1, "coordinator"));
}

TEST_F(EnrolmentsTest, ASiteOnItsLinkIsTheOneThatItsCertificateSays) {
  EXPECT_FALSE(enrolments_->renew(kNorth, {request_.request})) << "nobody vouches for it";
  ASSERT_TRUE(renew(request_));
  EXPECT_EQ(told_[kNorth].crl, "lists");
  EXPECT_FALSE(renew(request_, SiteName{"south"}));
  const std::string certificates = signed_by(sites_, request_, "site");
  ASSERT_TRUE(decide(request_, certificates, true));
  EXPECT_EQ(told_[kNorth].certificates, certificates);
  told_.clear();
  open();  // it was not on its link, say
  ASSERT_TRUE(renew(request_));
  EXPECT_EQ(told_[kNorth].certificates, certificates);
  EXPECT_EQ(renew(other_).error().code, ErrorCode::kResourceExhausted);
  clock_.advance(Milliseconds(60'000));
  ASSERT_TRUE(renew(other_));
  EXPECT_EQ(enrolments_->list({}).rows[0].state, EnrolmentState::kRequested);
}

TEST_F(EnrolmentsTest, NewListsGoToThoseWhoAskedForNews) {
  ASSERT_TRUE(enrolments_->renew(kNorth, {""}));
  EXPECT_THAT(enrolments_->list({}).rows, IsEmpty());
  lists_ = "newer";
  enrolments_->lists_changed();
  EXPECT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[kNorth].crl, "newer");
}

TEST_F(EnrolmentsTest, WhoeverIsKeptOutGetsNoCertificate) {
  ASSERT_TRUE(renew(request_));
  EXPECT_FALSE(asked_with_.empty());
  permitted_ = make_error(ErrorCode::kPermissionDenied, "revoked by operator olga");
  EXPECT_EQ(decide(request_, signed_by(sites_, request_, "site"), true).error().message,
            "revoked by operator olga");
  clock_.advance(Milliseconds(kHourMs));
  EXPECT_FALSE(renew(other_));
}

TEST_F(EnrolmentsTest, ADeniedRenewalIsTold) {
  ASSERT_TRUE(renew(request_));
  ASSERT_TRUE(decide(request_, "", true));
  EXPECT_EQ(answers_[kNorth].state, EnrolmentState::kDenied);
  EXPECT_EQ(answers_[kNorth].why, "seen by phone");
  answers_.clear();
  ASSERT_TRUE(renew(request_));  // it was not on its link, say
  EXPECT_EQ(answers_[kNorth].state, EnrolmentState::kDenied);
}

TEST_F(EnrolmentsTest, WhoAskedInTimeGetsWhatWasDecidedLater) {
  ASSERT_TRUE(invite("token", 1));
  ASSERT_TRUE(enrol("token", request_));
  clock_.advance(Milliseconds(5 * kHourMs));
  EXPECT_TRUE(enrolments_->expects_guests());
  ASSERT_TRUE(decide(request_, signed_by(sites_, request_, "site")));
  EXPECT_EQ(enrol("token", request_)->state, EnrolmentState::kIssued);
  // Guests are expected for somebody, not for a time: an invitation that was withdrawn is over.
  clock_.advance(Milliseconds(31LL * 24 * kHourMs));
  EXPECT_FALSE(enrolments_->expects_guests());
  ASSERT_TRUE(invite("token", 24 * 30));
  EXPECT_TRUE(enrolments_->expects_guests());
  ASSERT_TRUE(enrolments_->decide({kNorth, false, "", "", "a mistake"}, "olga"));
  EXPECT_FALSE(enrolments_->expects_guests());
  const auto told = enrol("token", request_);
  ASSERT_TRUE(told) << "a guest of somebody else's invitation, say";
  EXPECT_EQ(told->why, "the invitation was withdrawn: a mistake");
  EXPECT_FALSE(enrol("guess", request_));
}

TEST_F(EnrolmentsTest, ALongListComesInPages) {
  for (int i = 0; i < 2200; ++i) {
    const SiteName site{"site-" + std::to_string(i)};
    ASSERT_TRUE(enrolments_->invite({site, "site", sha256(as_bytes("x")), kHourMs}, "olga"));
  }
  std::size_t rows = 0;
  ListEnrolments ask;
  do {
    const EnrolmentList page = enrolments_->list(ask);
    rows += page.rows.size();
    ask.from = page.next;
  } while (ask.from != 0);
  EXPECT_EQ(rows, 2200u);
}

}  // namespace
}  // namespace tributary
