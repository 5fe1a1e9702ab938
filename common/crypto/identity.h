// SPDX-License-Identifier: Apache-2.0
// Who a certificate is for: its first DNS name (SAN) is the party's name, the OU of its subject its
// role. Plain values and functions, any thread. It does not say whether the certificate is genuine.
#pragma once

#include <string>

#include "common/base/result.h"

struct x509_st;

namespace tributary {

enum class PeerRole { kSite, kEvaluator, kCoordinator, kOperator };
std::string peer_role_name(PeerRole role);

struct PeerIdentity {
  std::string name;
  PeerRole role = PeerRole::kSite;
  std::string fingerprint;  // SHA-256 of the certificate, hexadecimal
};

// kUnauthenticated where the certificate has no usable name or role.
Result<PeerIdentity> identity_of(x509_st* certificate);

}  // namespace tributary
