// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/signing.h"

#include <gtest/gtest.h>

#include <ctime>

#include "common/crypto/pki.h"

namespace tributary {
namespace {

class SigningTest : public testing::TestWithParam<KeyKind> {
 protected:
  Result<PeerIdentity> verify(const std::string& roots, std::string_view purpose,
                              std::string_view payload, const Signature& signature,
                              std::int64_t after_days = 0) {
    return verify_signature(roots, purpose, as_bytes(payload), signature,
                            std::time(nullptr) + after_days * 24 * 3600);
  }

  PemPair ca_ = *make_ca("test", GetParam(), 100);
  PemPair north_ = *issue_certificate(ca_, {"north", "site", {}, GetParam(), 50});
  Signer signer_ = *Signer::make(north_.certificate, north_.key);
  Signature signature_ = *signer_.sign("a vote", as_bytes("yes"));
};

TEST_P(SigningTest, WhoeverHasTheRootSeesWhoSigned) {
  EXPECT_EQ(signer_.identity().name, "north");
  const auto who = verify(ca_.certificate, "a vote", "yes", signature_);
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->name, "north");
  EXPECT_EQ(who->role, PeerRole::kSite);
  EXPECT_TRUE(verify(ca_.certificate, "a vote", "yes", signature_, 49));
}

TEST_P(SigningTest, NothingElseIsSigned) {
  const auto refused = [](const Result<PeerIdentity>& who) {
    return !who && who.error().code == ErrorCode::kUnauthenticated;
  };
  EXPECT_TRUE(refused(verify(ca_.certificate, "a vote", "no", signature_)));
  EXPECT_TRUE(refused(verify(ca_.certificate, "a contract", "yes", signature_)));
  EXPECT_TRUE(refused(verify(ca_.certificate, "a vote", "yes", Signature{})));
  EXPECT_TRUE(refused(verify(ca_.certificate, "a vote", "yes", signature_, 51)))
      << "the certificate has ended by then";
  EXPECT_TRUE(refused(verify(ca_.certificate, "a vote", "yes", signature_, -2)));
  const PemPair other = *make_ca("test", GetParam(), 100);
  EXPECT_TRUE(refused(verify(other.certificate, "a vote", "yes", signature_)));
  EXPECT_TRUE(refused(verify("", "a vote", "yes", signature_)));
  Signature changed = signature_;
  changed.bytes[changed.bytes.size() / 2] ^= std::byte{1};
  EXPECT_TRUE(refused(verify(ca_.certificate, "a vote", "yes", changed)));
  Signature of_another = signature_;
  of_another.certificates =
      issue_certificate(ca_, {"south", "site", {}, GetParam(), 50})->certificate;
  EXPECT_TRUE(refused(verify(ca_.certificate, "a vote", "yes", of_another)));
}

TEST_P(SigningTest, AKeyWithoutItsCertificateSignsNothing) {
  const PemPair south = *issue_certificate(ca_, {"south", "site", {}, GetParam(), 50});
  EXPECT_FALSE(Signer::make(north_.certificate, south.key));
  EXPECT_FALSE(Signer::make("", north_.key));
  EXPECT_FALSE(Signer::make(north_.certificate, "no key"));
}

// One file may be named as both certificate and key, and may have words of openssl in it.
TEST_P(SigningTest, NothingButCertificatesTravels) {
  const std::string file = "Certificate:\n    Issuer: \xfc\n" + north_.certificate + north_.key;
  const Signer signer = *Signer::make(file, file);
  const Signature signature = *signer.sign("a vote", as_bytes("yes"));
  EXPECT_EQ(signature.certificates, north_.certificate);
  EXPECT_TRUE(verify(ca_.certificate, "a vote", "yes", signature));
}

constexpr std::int64_t kDay = 24 * 3600;

TEST_P(SigningTest, WhatARevokedCertificateSignedCountsNoMoreWheneverThatWas) {
  const auto verdict = [&](const std::string& lists, std::int64_t before = 0) {
    return verify_signature(Trust(ca_.certificate, lists), "a vote", as_bytes("yes"), signature_,
                            std::time(nullptr) - before);
  };
  EXPECT_TRUE(verdict(*make_crl(ca_, "", {}, kDay)));
  const std::string revoked = *make_crl(ca_, "", {north_.certificate}, kDay);
  ASSERT_FALSE(verdict(revoked));
  EXPECT_NE(verdict(revoked).error().message.find("'north' was revoked"), std::string::npos);
  EXPECT_FALSE(verdict(revoked, 60)) << "a signature of before the list";
  EXPECT_FALSE(verdict(*make_crl(ca_, revoked, {}, -1))) << "by a list that has ended";
  EXPECT_TRUE(verdict(*make_crl(ca_, "", {}, -1))) << "which refuses nobody else";
}

TEST_P(SigningTest, WithoutAListOfEachCaNothingCounts) {
  const PemPair sites = *make_issuing_ca(ca_, kSitesCa, GetParam(), 50);
  const PemPair south = *issue_certificate(sites, {"south", "site", {}, GetParam(), 50});
  const Signature signature =
      *Signer::make(south.certificate, south.key)->sign("a vote", as_bytes("yes"));
  const auto verdict = [&](const std::string& lists) {
    return verify_signature(Trust(ca_.certificate, lists), "a vote", as_bytes("yes"), signature,
                            std::time(nullptr));
  };
  const std::string of_root = *make_crl(ca_, "", {}, kDay), of_ca = *make_crl(sites, "", {}, kDay);
  EXPECT_TRUE(verdict(of_root + of_ca));
  EXPECT_FALSE(verdict(of_root));
  EXPECT_FALSE(verdict(of_ca));
  EXPECT_FALSE(verdict("no list"));
  const PemPair stranger = *make_ca("test", GetParam(), 100);
  EXPECT_FALSE(verdict(of_root + *make_crl(stranger, "", {}, kDay)));
  EXPECT_FALSE(verdict(*make_crl(ca_, "", {sites.certificate}, kDay) + of_ca))
      << "a CA that was revoked vouches for nobody";
}

INSTANTIATE_TEST_SUITE_P(BothKinds, SigningTest, testing::Values(KeyKind::kP256, KeyKind::kEd25519),
                         [](const auto& kind) {
                           return kind.param == KeyKind::kP256 ? "P256" : "Ed25519";
                         });

}  // namespace
}  // namespace tributary
