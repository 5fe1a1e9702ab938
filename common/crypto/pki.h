// SPDX-License-Identifier: Apache-2.0
// A small certificate authority for one federation (X.509 v3, RFC 5280): a root, and certificates
// whose first DNS name is the party's name and whose OU is its role. Returns PEM texts; files are
// the caller's. Any thread.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace tributary {

enum class KeyKind { kP256, kEd25519 };

struct PemPair {
  std::string certificate;
  std::string key;  // PKCS 8, not encrypted
};

Result<PemPair> make_ca(const std::string& federation, KeyKind kind, int days);

struct CertificateRequest {
  std::string name;                // the first SAN: the party's identity
  std::string role;                // site, evaluator, coordinator, operator
  std::vector<std::string> hosts;  // more SANs: DNS names or IP addresses
  KeyKind kind = KeyKind::kP256;
  int days = 365;  // negative: already expired, for tests
};

// How long the certificate is valid still.
Result<int> days_left(const std::string& certificate);

Result<PemPair> issue_certificate(const PemPair& ca, const CertificateRequest& request);

}  // namespace tributary
