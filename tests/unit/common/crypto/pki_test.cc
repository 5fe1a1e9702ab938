// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/pki.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "common/crypto/pem.h"
#include "common/crypto/signing.h"

namespace tributary {
namespace {

TEST(Pki, ACertificateSaysHowLongItIsValidStill) {
  const auto ca = *make_ca("test", KeyKind::kP256, 10);
  EXPECT_GE(*days_left(ca.certificate), 9);
  EXPECT_LE(*days_left(ca.certificate), 10);
  const auto old = *issue_certificate(ca, {"north", "site", {}, KeyKind::kP256, -5});
  EXPECT_LT(*days_left(old.certificate), 0);
  EXPECT_FALSE(days_left("no certificate"));
}

constexpr std::int64_t kDay = 24 * 3600;

std::int64_t now() { return std::time(nullptr); }

TEST(Pki, AnIssuingCaVouchesForItsOwnRolesOnly) {
  const auto root = *make_ca("test", KeyKind::kP256, 10);
  const auto sites = *make_issuing_ca(root, kSitesCa, KeyKind::kP256, 10);
  const auto services = *make_issuing_ca(root, kServicesCa, KeyKind::kEd25519, 10);
  const auto verdict = [&](const PemPair& ca, const std::string& role) {
    const auto made = *issue_certificate(ca, {"north", role, {}, KeyKind::kP256, 5});
    const auto signature =
        *Signer::make(made.certificate, made.key)->sign("a vote", as_bytes("yes"));
    return verify_signature(root.certificate, "a vote", as_bytes("yes"), signature, now());
  };
  EXPECT_EQ(verdict(sites, "site")->role, PeerRole::kSite);
  EXPECT_EQ(verdict(sites, "evaluator")->role, PeerRole::kEvaluator);
  EXPECT_EQ(verdict(services, "coordinator")->role, PeerRole::kCoordinator);
  EXPECT_EQ(verdict(services, "lead")->role, PeerRole::kOperator);
  EXPECT_EQ(verdict(services, "auditor")->operator_role, "auditor");
  EXPECT_EQ(verdict(root, "coordinator")->role, PeerRole::kCoordinator);
  for (const auto& [ca, role] : {std::pair(sites, "coordinator"), std::pair(sites, "lead"),
                                 std::pair(services, "site"), std::pair(services, "evaluator")}) {
    const auto refused = verdict(ca, role);
    ASSERT_FALSE(refused) << role;
    EXPECT_THAT(refused.error().message, testing::HasSubstr("may vouch for"));
  }
  const auto below = *issue_certificate(*make_issuing_ca(sites, kServicesCa, KeyKind::kP256, 10),
                                        {"hub", "coordinator", {}, KeyKind::kP256, 5});
  const auto signature = *Signer::make(below.certificate, below.key)->sign("a", as_bytes("b"));
  EXPECT_FALSE(verify_signature(root.certificate, "a", as_bytes("b"), signature, now()))
      << "an issuing CA makes no other CA";
}

TEST(Pki, AListOfRevokedCertificatesOnlyGrows) {
  const auto root = *make_ca("test", KeyKind::kP256, 10);
  const auto north = *issue_certificate(root, {"north", "site", {}, KeyKind::kP256, 5});
  const auto south = *issue_certificate(root, {"south", "site", {}, KeyKind::kP256, 5});
  const auto other = *make_ca("test", KeyKind::kP256, 10);
  const auto revoked = [](const std::string& list, const PemPair& one) {
    const auto certificate = read_certificate(one.certificate);
    X509_REVOKED* found = nullptr;
    return X509_CRL_get0_by_cert(read_revocation_lists(list).at(0).get(), &found,
                                 certificate.get()) == 1;
  };
  const auto first = *make_crl(root, "", {}, kDay);
  EXPECT_FALSE(revoked(first, north));
  EXPECT_NEAR(static_cast<double>(*crl_seconds_left(first)), static_cast<double>(kDay), 60.0);
  const auto second = *make_crl(root, first, {north.certificate}, kDay);
  const auto third = *make_crl(root, second, {north.certificate, south.certificate}, kDay);
  EXPECT_TRUE(revoked(second, north));
  EXPECT_FALSE(revoked(second, south));
  EXPECT_TRUE(revoked(third, north) && revoked(third, south));
  EXPECT_FALSE(revoked(*make_crl(root, *make_crl(other, "", {}, kDay), {}, kDay), north));
  EXPECT_LT(*crl_seconds_left(third + *make_crl(other, "", {}, -1)), 0) << "the first that ends";
  EXPECT_FALSE(crl_seconds_left("nothing"));
}

}  // namespace
}  // namespace tributary
