// SPDX-License-Identifier: Apache-2.0
#include "client/agent/certificate_renewal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ctime>
#include <filesystem>
#include <set>

#include "common/crypto/pki.h"
#include "common/crypto/signing.h"
#include "common/crypto/signing_request.h"
#include "common/crypto/vouched_request.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;

class CertificateRenewalTest : public testing::Test {
 protected:
  CertificateRenewalTest() {
    clock_.advance(Milliseconds(::time(nullptr) * 1000 - clock_.wall_ms()));
    write("ca.pem", root_.certificate);
    begin(10, 80);
    write("crl.pem", lists_);
  }
  void begin(int days, int age_days) {
    const auto pair =
        *issue_certificate(sites_, {"north", "site", {}, KeyKind::kP256, days, age_days});
    write("north.pem", pair.certificate);
    write("north.key", pair.key);
  }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(make_file_system()->write_durably(directory_ / name, as_bytes(text)));
  }
  std::string read(const std::string& name) {
    const auto bytes = make_file_system()->read(directory_ / name, 1 << 20);
    return bytes ? std::string(as_text(*bytes)) : "";
  }
  TlsFiles files() const {
    return {directory_ / "north.pem", directory_ / "north.key", directory_ / "ca.pem",
            directory_ / "crl.pem"};
  }
  CertificateRenewal renewal() {
    return CertificateRenewal({disk_, *log_, clock_, [this](const TlsFiles&) { return usable_; }},
                              files(), {"north", PeerRole::kSite, "fingerprint"});
  }
  std::string sign(const std::string& request, const std::string& role = "site") {
    return *certify(sites_, request, {"north", role, {}, KeyKind::kP256, 90});
  }
  bool is_pair() { return Signer::make(read("north.pem"), read("north.key")).has_value(); }

  TemporaryDirectory directory_;
  FullDisk disk_;
  ManualClock clock_;
  std::unique_ptr<EventLog> log_ = *EventLog::open({EventLevel::kError, false, "", -1}, clock_);
  PemPair root_ = *make_ca("test", KeyKind::kP256, 100);
  PemPair sites_ = *make_issuing_ca(root_, kSitesCa, KeyKind::kP256, 100);
  std::string lists_ = *make_crl(sites_, "", {}, 3600);
  Status usable_;
};

TEST_F(CertificateRenewalTest, NothingIsAskedForBeforeTwoThirdsOfTheTime) {
  begin(31, 59);
  EXPECT_EQ(renewal().ask().request, "");
  EXPECT_EQ(read("north.key.next"), "");
  begin(29, 61);
  EXPECT_NE(renewal().ask().request, "");
}

TEST_F(CertificateRenewalTest, TheNextKeyIsMadeOnceAndIsForItsUserAlone) {
  const auto first = read_signing_request(renewal().ask().request);
  const auto again = read_signing_request(renewal().ask().request);  // after a restart, say
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->name, "north");
  EXPECT_EQ(first->fingerprint, again->fingerprint);
  EXPECT_NE(first->fingerprint, *fingerprint_of_key(read("north.pem")));
  struct stat status {};
  ASSERT_EQ(::stat((directory_ / "north.key.next").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST_F(CertificateRenewalTest, WhereverItIsKilledAPairIsLeftThatBelongsTogether) {
  for (int changes = 0; changes < 5; ++changes) {
    disk_.changes_left = 1000;
    begin(10, 80);
    const std::string before = read("north.pem");
    CertificateRenewal under_way = renewal();
    const std::string certificates = sign(under_way.ask().request);
    disk_.changes_left = changes;
    EXPECT_EQ(under_way.take(TrustUpdate{certificates, ""}), changes == 4) << changes;
    disk_.changes_left = 1000;
    ASSERT_TRUE(CertificateRenewal::recover(disk_, files()));  // the next life
    EXPECT_TRUE(is_pair()) << changes;
    EXPECT_EQ(read("north.pem"), changes < 2 ? before : certificates);
    EXPECT_EQ(read("north.pem.next"), "");
    EXPECT_EQ(read("north.key.next") == "", changes >= 2) << "what was asked for still counts";
  }
}

TEST_F(CertificateRenewalTest, ACertificateThatIsNotForThisSiteAndKeyIsNotTaken) {
  CertificateRenewal one = renewal();
  const std::string request = one.ask().request;
  const std::string before = read("north.pem");
  const auto other = *make_signing_request("north", "site", KeyKind::kP256);
  EXPECT_FALSE(one.take(TrustUpdate{sign(other.request), ""})) << "another key";
  EXPECT_FALSE(one.take(TrustUpdate{sign(request, "evaluator"), ""})) << "another role";
  const PemPair elsewhere = *make_ca("elsewhere", KeyKind::kP256, 100);
  EXPECT_FALSE(one.take(
      TrustUpdate{*certify(elsewhere, request, {"north", "site", {}, KeyKind::kP256, 90}), ""}))
      << "another root";
  EXPECT_FALSE(one.take(TrustUpdate{"no certificate", ""}));
  EXPECT_EQ(read("north.pem"), before);
  usable_ = make_error(ErrorCode::kInvalidArgument, "no list of its CA is here");
  EXPECT_FALSE(one.take(TrustUpdate{sign(request), ""})) << "one could not go on with it";
  EXPECT_EQ(read("north.pem"), before);
  EXPECT_TRUE(is_pair());
  usable_ = {};
  EXPECT_TRUE(one.take(TrustUpdate{sign(request), ""}));
  EXPECT_FALSE(one.take(TrustUpdate{sign(request), ""})) << "told twice";
}

TEST_F(CertificateRenewalTest, AfterADenialAnotherKeyIsMade) {
  CertificateRenewal one = renewal();
  const std::string first = read_signing_request(one.ask().request)->fingerprint;
  one.take(EnrolAnswer{EnrolmentState::kDenied, "", "", "not known"});
  EXPECT_EQ(read("north.key.next"), "");
  EXPECT_NE(read_signing_request(one.ask().request)->fingerprint, first);
}

TEST_F(CertificateRenewalTest, ThePresentCertificateVouchesForTheRequest) {
  const auto vouched =
      read_vouched_request({root_.certificate}, renewal().ask().request, ::time(nullptr));
  ASSERT_TRUE(vouched) << vouched.error().message;
  EXPECT_EQ(vouched->by.name, "north");
}

TEST_F(CertificateRenewalTest, AKeyInATokenIsRenewedByHandAndNothingIsWritten) {
  const auto log = *EventLog::open({EventLevel::kInfo, false, directory_ / "events", -1}, clock_);
  TlsFiles in_token = files();
  in_token.key = "pkcs11:token=north;object=link?module-path=/m.so&pin-source=/run/pin";
  CertificateRenewal one({disk_, *log, clock_, [](const TlsFiles&) { return Status{}; }}, in_token,
                         {"north", PeerRole::kSite, "fingerprint"});
  const auto listing = [&] {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
      names.insert(entry.path().filename().string());
    return names;
  };
  const std::string before = read("north.pem");
  // Of a time when the key was a file.
  write("north.pem.next", "a certificate for another key");
  const auto there = listing();
  EXPECT_EQ(one.ask().request, "");
  EXPECT_EQ(one.ask().request, "");
  const auto unasked = *make_signing_request("north", "site", KeyKind::kP256);
  EXPECT_FALSE(one.take({sign(unasked.request), ""}));
  EXPECT_TRUE(CertificateRenewal::recover(disk_, in_token));
  EXPECT_EQ(read("north.pem"), before);
  EXPECT_EQ(listing(), there);
  const std::string told = read("events");
  EXPECT_THAT(told, HasSubstr("certificate.not_renewed"));
  EXPECT_THAT(told, HasSubstr("by hand"));
  EXPECT_EQ(told.find("by hand"), told.rfind("by hand")) << "once";
  EXPECT_TRUE(one.take({"", *make_crl(sites_, lists_, {}, 3600)})) << "lists are files still";
}

TEST_F(CertificateRenewalTest, OnlyNewerListsThatOneCouldGoOnWithAreTaken) {
  const std::string newer = *make_crl(sites_, lists_, {}, 3600);
  usable_ = make_error(ErrorCode::kUnauthenticated, "the coordinator would be out");
  EXPECT_FALSE(renewal().take(TrustUpdate{"", newer}));
  EXPECT_EQ(read("crl.pem"), lists_);
  usable_ = {};
  EXPECT_TRUE(renewal().take(TrustUpdate{"", newer}));
  EXPECT_EQ(read("crl.pem"), newer);
  EXPECT_FALSE(renewal().take(TrustUpdate{"", lists_})) << "an older one hides a revocation";
  EXPECT_EQ(read("crl.pem"), newer);
}

}  // namespace
}  // namespace tributary
