// SPDX-License-Identifier: Apache-2.0
// The certificate authorities of one federation (X.509 v3, RFC 5280): a root that can lie in a
// safe, issuing CAs below it for sites and for services, certificates whose first DNS name is the
// party's name and whose OU is its role, and lists of those that were revoked. Returns PEM texts;
// files are the caller's. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/crypto/identity.h"

namespace tributary {

enum class KeyKind { kP256, kEd25519 };

struct PemPair {
  std::string certificate;  // of a party: then that of the issuing CA that signed it
  std::string key;          // PKCS 8, not encrypted
};

Result<PemPair> make_ca(const std::string& federation, KeyKind kind, int days);
// `unit`: kSitesCa or kServicesCa.
Result<PemPair> make_issuing_ca(const PemPair& root, std::string_view unit, KeyKind kind, int days);

struct CertificateRequest {
  std::string name;                // the first SAN: the party's identity
  std::string role;                // site, evaluator, coordinator, or one of kOperatorRoles
  std::vector<std::string> hosts;  // more SANs: DNS names or IP addresses
  KeyKind kind = KeyKind::kP256;
  int days = 90;     // negative: already expired, for tests
  int age_days = 0;  // for tests: it is valid since so long; negative: not yet
};

// How long the certificate is valid still.
Result<int> days_left(const std::string& certificate);
// Its first and last moment.
struct Validity {
  std::int64_t begin_unix_seconds = 0;
  std::int64_t end_unix_seconds = 0;
};
Result<Validity> validity_of(const std::string& certificate);

// By an issuing CA, or by the root itself.
Result<PemPair> issue_certificate(const PemPair& ca, const CertificateRequest& request);

// The same for the key of a signing request (signing_request.h), whose name must be that of `as`;
// the rest stands in `as`: the party's certificate, then that of the issuing CA.
Result<std::string> certify(const PemPair& ca, const std::string& signing_request,
                            const CertificateRequest& as);

// The CA's list of revoked certificates: those on its list among `before` (lists of any CAs), and
// those of `revoked` that it has signed. Not positive seconds: already stale, for
// tests.
Result<std::string> make_crl(const PemPair& ca, const std::string& before,
                             const std::vector<std::string>& revoked, std::int64_t seconds);
// The CA's own list among `lists`; kNotFound where there is none.
Result<std::string> crl_of(const std::string& ca, const std::string& lists);
bool is_signed_by(const std::string& certificate, const std::string& ca);
// Whether `lists` has one list of each CA that `before` has one of, as new or newer, at least one
// of them newer, and no other: a second one of a CA, or one of a CA unknown before, could say
// anything. It checks no signature: whoever uses the lists does.
bool supersedes(const std::string& lists, const std::string& before);
// Until the first of the lists in the text ends; kInvalidArgument where it holds none.
Result<std::int64_t> crl_seconds_left(const std::string& lists);

}  // namespace tributary
