// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_notary.h"

#include <gtest/gtest.h>

#include <ctime>

#include "common/crypto/pki.h"
#include "common/privacy/secagg/sum_roster.h"

namespace tributary {
namespace {

struct Federation {
  PemPair root = *make_ca("test", KeyKind::kP256, 10);
  PemPair sites = *make_issuing_ca(root, kSitesCa, KeyKind::kP256, 10);
  PemPair services = *make_issuing_ca(root, kServicesCa, KeyKind::kP256, 10);
  Trust trust{root.certificate};

  Signer signer(const std::string& name, const std::string& role = "site") const {
    const PemPair& ca = role == "site" ? sites : services;
    const PemPair pair = *issue_certificate(ca, {name, role, {}, KeyKind::kP256, 5});
    return *Signer::make(pair.certificate, pair.key);
  }
};

std::int64_t now() { return std::time(nullptr); }

TEST(CertificateNotaryTest, BelievesASitesOwnSignatureAndNoOther) {
  const Federation federation;
  const Signer north = federation.signer("north"), south = federation.signer("south");
  const CertificateNotary at_north(&north, federation.trust, now);
  const CertificateNotary at_south(&south, federation.trust, now);
  const Bytes statement(3, std::byte{7});
  const Bytes signature = *at_north.sign("keys", statement);
  const SiteName name{"north"};
  EXPECT_TRUE(at_south.verify(name, at_north.papers(), "keys", statement, signature));
  EXPECT_FALSE(at_south.verify(SiteName{"south"}, at_north.papers(), "keys", statement, signature));
  EXPECT_FALSE(at_south.verify(name, at_south.papers(), "keys", statement, signature));
  EXPECT_FALSE(at_south.verify(name, at_north.papers(), "survivors", statement, signature));
  EXPECT_FALSE(at_south.verify(name, at_north.papers(), "keys", Bytes(3), signature));
}

// The coordinator has a certificate too, and those of operators: none of them is a site.
TEST(CertificateNotaryTest, NobodyElseOfTheFederationIsASite) {
  const Federation federation;
  const Signer coordinator = federation.signer("north", "coordinator");
  const CertificateNotary notary(&coordinator, federation.trust, now);
  const Bytes signature = *notary.sign("keys", {});
  EXPECT_FALSE(notary.verify(SiteName{"north"}, notary.papers(), "keys", {}, signature));
}

TEST(CertificateNotaryTest, ARosterHasTheIssuersOnceAndComesInParts) {
  const Federation federation;
  const Signer north = federation.signer("north");
  const CertificateNotary notary(&north, federation.trust, now);
  const std::string& issuers = notary.papers().issuers;
  EXPECT_EQ(joined_issuers({issuers, issuers}), issuers);
  const SumMember member{SiteName{"north"}, notary.papers().certificate, {}, {}, {}, Bytes(72)};
  const std::vector<SumMember> roster(2'000, member);
  const auto parts = roster_parts(roster, issuers);
  ASSERT_GT(parts.size(), 1u);
  std::size_t members = 0;
  for (const SumRoster& part : parts) {
    EXPECT_EQ(part.first, members);
    EXPECT_EQ(part.members, 2'000u);
    members += part.part.size();
  }
  EXPECT_EQ(members, 2'000u);
}

}  // namespace
}  // namespace tributary
