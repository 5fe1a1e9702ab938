// SPDX-License-Identifier: Apache-2.0
// Who a certificate is for: its first DNS name (SAN) is the party's name, the OU of its subject its
// role; and for whom a CA may vouch, by its OU. Plain values and functions, any thread. It does not
// say whether a certificate is genuine.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "common/base/result.h"

struct stack_st_X509;
struct x509_st;

namespace tributary {

// A guest has no certificate: it wants one, or is an operator who comes with a bearer token.
enum class PeerRole { kSite, kEvaluator, kCoordinator, kOperator, kGuest };
std::string peer_role_name(PeerRole role);

// What an operator's OU may be. An `operator` may do all: for federations that need no more.
inline constexpr std::array<std::string_view, 6> kOperatorRoles = {
    "operator", "root-admin", "org-admin", "lead", "analyst", "auditor"};
// Of the issuing CAs.
inline constexpr std::string_view kSitesCa = "sites";        // of sites and evaluators
inline constexpr std::string_view kServicesCa = "services";  // of coordinators and operators

struct PeerIdentity {
  std::string name;
  PeerRole role = PeerRole::kSite;
  std::string fingerprint;         // SHA-256 of the certificate, hexadecimal
  std::string operator_role = {};  // of an operator: one of kOperatorRoles
};

// kUnauthenticated where the certificate has no usable name or role.
Result<PeerIdentity> identity_of(x509_st* certificate);

// A verified chain, the party's certificate first and the root last: whether each CA between them
// may vouch for such a role, so that whoever has the sites' CA cannot make a coordinator.
Status check_issuers(const stack_st_X509* chain);

}  // namespace tributary
