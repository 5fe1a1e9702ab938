// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/signing_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "common/crypto/signing.h"
#include "common/crypto/vouched_request.h"

namespace tributary {
namespace {

using testing::HasSubstr;

// An RSA key of 2048 bits, by `openssl req -new -newkey rsa:2048 -subj /CN=north`.
constexpr const char* kRsaRequest = R"(-----BEGIN CERTIFICATE REQUEST-----
MIICVTCCAT0CAQAwEDEOMAwGA1UEAwwFbm9ydGgwggEiMA0GCSqGSIb3DQEBAQUA
A4IBDwAwggEKAoIBAQCyMgQV4ZSw4ODIku4s4sp0y/+3xyWcQbF6qUt1m6Rf6Vip
YOc9MOHgqxFI3eKVoH3UVo2JvbmB7yKNtEdVKGkMRcVSN04Ki94Hz6pvnJlk2Llv
3QeSRSh9BIvAvvCClhftDjqwGypSjlEvrawdVfsDrK93h18Vwo36lpONV/IubQ4/
TLnziPkiEde9lw4LODsm0lf2svi0v/9Qw5ueCK/S+7gQl0gmDrTzg3JylMGvC0MC
Yj1tAibjDeNA62eIiTBQoDlretcuO+owvvDDGBxtEe9hk4Uqq+irZV+60bDlMNCb
tdwv8Cp7okkxGgNMlsY214bxdz6Irl3NILS7mULPAgMBAAGgADANBgkqhkiG9w0B
AQsFAAOCAQEAiX7SiFJ5rSnlUPUcSdNmYx2SFTrJF12XloddboDjeaNQC8+Q1MxE
C7shszkVSwA2Z+fO/mefAwQ9gvHZ2PP5BQlPjB10vtuHiiHRO+2qcNuk1cHemlJC
ciNqmFV5Eew+r1h2pCJJFh79Aoc9jq2s4UDr3IzhGb/f92jOsKw3cp3a0z/eCr3P
TZdj1qYnarzTixgnsbrE2VDeSbsboYex8zBX4LfkAVAmKrjD/Z1rVQxr2ks2TbxG
vrV9USdPYyK8ijlvToNc9EHu6+XNpfnfUwNXyiEC1ZDXn64c7ccjAXahuzJQkY6W
TrFlAwboaqeRmAUM5JIYYiV/m+usZ0pVGA==
-----END CERTIFICATE REQUEST-----
)";

class SigningRequests : public testing::TestWithParam<KeyKind> {
 protected:
  PemPair root_ = *make_ca("test", KeyKind::kP256, 100);
  PemPair sites_ = *make_issuing_ca(root_, kSitesCa, KeyKind::kP256, 50);
};

TEST_P(SigningRequests, TheCaCertifiesTheKeyThatNobodyElseHas) {
  const auto made = make_signing_request("north", "site", GetParam());
  ASSERT_TRUE(made);
  EXPECT_THAT(made->request, testing::Not(HasSubstr("PRIVATE")));
  const auto read = read_signing_request(made->request);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->name, "north");
  const auto issued = certify(sites_, made->request, {"north", "site", {}, GetParam(), 90});
  ASSERT_TRUE(issued) << issued.error().message;
  EXPECT_EQ(*fingerprint_of_key(*issued), read->fingerprint);
  EXPECT_TRUE(Signer::make(*issued, made->key)) << "the key and the certificate belong together";
  const auto who = verify_certificates(root_.certificate, *issued, ::time(nullptr));
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->name, "north");
  EXPECT_EQ(who->role, PeerRole::kSite);
}

TEST_P(SigningRequests, ARoleIsTheCasToGive) {
  const auto made = make_signing_request("north", "coordinator", GetParam());
  const auto issued = certify(sites_, made->request, {"north", "site", {}, GetParam(), 90});
  EXPECT_EQ(verify_certificates(root_.certificate, *issued, ::time(nullptr))->role,
            PeerRole::kSite);
  EXPECT_THAT(certify(sites_, made->request, {"south", "site", {}, GetParam(), 90}).error().message,
              HasSubstr("is for 'north', not for 'south'"));
}

INSTANTIATE_TEST_SUITE_P(Keys, SigningRequests, testing::Values(KeyKind::kP256, KeyKind::kEd25519));

std::string fault(const std::string& request) {
  const auto read = read_signing_request(request);
  return read ? "" : read.error().message;
}

TEST(SigningRequest, WhoeverHasNotTheKeyCannotAsk) {
  const auto made = make_signing_request("north", "site", KeyKind::kP256);
  // A bit of the signature, which is at the end.
  std::string changed = made->request;
  const std::size_t end = changed.find("\n-----END") - 6;
  changed[end] = changed[end] == 'A' ? 'B' : 'A';
  EXPECT_THAT(fault(changed), testing::AnyOf(HasSubstr("not signed with its own key"),
                                             HasSubstr("cannot be read")));
  EXPECT_THAT(fault(""), HasSubstr("cannot be read"));
  EXPECT_THAT(fault(made->key), HasSubstr("cannot be read"));
  EXPECT_THAT(fault(kRsaRequest), HasSubstr("none of P-256, P-384, Ed25519"));
  EXPECT_THAT(fault(make_signing_request("../north", "site", KeyKind::kP256)->request),
              HasSubstr("no valid name"));
}

TEST(SigningRequest, OnlyTheRootThatWasToldIsKept) {
  const PemPair root = *make_ca("test", KeyKind::kP256, 10);
  const PemPair forger = *make_ca("test", KeyKind::kP256, 10);
  const std::string told = *certificate_hash(root.certificate);
  EXPECT_EQ(*certificate_with_hash(root.certificate + forger.certificate, told), root.certificate);
  EXPECT_EQ(*certificate_with_hash(forger.certificate + root.certificate, told), root.certificate);
  EXPECT_FALSE(certificate_with_hash(forger.certificate, told));
}

TEST(VouchedRequest, ThePresentCertificateVouchesForTheNextKey) {
  const PemPair root = *make_ca("test", KeyKind::kP256, 100);
  const PemPair sites = *make_issuing_ca(root, kSitesCa, KeyKind::kP256, 50);
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kEd25519}) {
    const PemPair present = *issue_certificate(sites, {"north", "site", {}, kind, 10});
    const auto next = *make_signing_request("north", "site", KeyKind::kP256);
    const std::string text =
        *vouch_for_request(*Signer::make(present.certificate, present.key), next.request);
    const auto now = ::time(nullptr);
    const auto read = read_vouched_request({root.certificate}, text, now);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->by.name, "north");
    EXPECT_EQ(read->request, next.request);
    EXPECT_EQ(read_signing_request(text)->name, "north");
    // Another request in its place, no signature, another root, a certificate that was revoked.
    const auto other = *make_signing_request("north", "site", KeyKind::kP256);
    EXPECT_FALSE(read_vouched_request({root.certificate},
                                      other.request + text.substr(next.request.size()), now));
    EXPECT_FALSE(read_vouched_request({root.certificate}, next.request, now));
    EXPECT_FALSE(read_vouched_request({make_ca("x", kind, 9)->certificate}, text, now));
    const std::string lists =
        *make_crl(root, "", {}, 3600) + *make_crl(sites, "", {present.certificate}, 3600);
    EXPECT_FALSE(read_vouched_request({root.certificate, lists}, text, now));
  }
}

TEST(SigningRequest, AFingerprintIsTheSameHoweverItIsSpoken) {
  const std::string fingerprint("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  EXPECT_THAT(spoken_fingerprint(fingerprint), testing::StartsWith("0123 4567 89ab cdef 0123"));
  EXPECT_EQ(fingerprint_as_spoken(spoken_fingerprint(fingerprint)), fingerprint);
  EXPECT_EQ(fingerprint_as_spoken("01:23:AB"), "0123ab");
}

TEST(RevocationLists, OnlyNewerOnesTakeThePlaceOfOthers) {
  const PemPair root = *make_ca("test", KeyKind::kP256, 100);
  const PemPair sites = *make_issuing_ca(root, kSitesCa, KeyKind::kP256, 50);
  const auto next = [&](const std::string& before) {
    return *make_crl(root, before, {}, 3600) + *make_crl(sites, before, {}, 3600);
  };
  const std::string first = next(""), second = next(first);
  EXPECT_TRUE(supersedes(second, first));
  EXPECT_TRUE(supersedes(first, ""));
  EXPECT_FALSE(supersedes(first, second)) << "an older list would hide a revocation";
  EXPECT_FALSE(supersedes(first, first));
  EXPECT_FALSE(supersedes(*crl_of(sites.certificate, second), first)) << "one is missing";
  EXPECT_FALSE(supersedes("", first));
  // Whoever is no CA makes a list in the name of one, with any number.
  const PemPair forger = *make_issuing_ca(root, kSitesCa, KeyKind::kP256, 50);
  const std::string forged = *make_crl(forger, *make_crl(forger, "", {}, 3600), {}, 3600);
  EXPECT_FALSE(supersedes(forged + second, first)) << "two lists of one CA";
  const PemPair other = *make_issuing_ca(root, "others", KeyKind::kP256, 50);
  EXPECT_FALSE(supersedes(second + *make_crl(other, "", {}, 3600), first));
}

}  // namespace
}  // namespace tributary
