// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/identity.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "common/base/bytes.h"
#include "common/base/ids.h"

namespace tributary {
namespace {

std::string unit_of(X509* certificate) {
  std::array<char, 64> text{};
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_get_text_by_NID(subject, NID_organizationalUnitName, text.data(), text.size());
  return text.data();
}

std::optional<PeerRole> role_named(const std::string& unit) {
  if (std::ranges::find(kOperatorRoles, unit) != kOperatorRoles.end()) return PeerRole::kOperator;
  for (const PeerRole role : {PeerRole::kSite, PeerRole::kEvaluator, PeerRole::kCoordinator}) {
    if (peer_role_name(role) == unit) return role;
  }
  return std::nullopt;
}

// The first DNS name; a certificate of ours has the identity first.
std::string dns_name_of(X509* certificate) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string found;
  for (int i = 0; found.empty() && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    found.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                 static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  GENERAL_NAMES_free(names);
  return found;
}

}  // namespace

std::string peer_role_name(PeerRole role) {
  switch (role) {
    case PeerRole::kSite:
      return "site";
    case PeerRole::kEvaluator:
      return "evaluator";
    case PeerRole::kCoordinator:
      return "coordinator";
    case PeerRole::kOperator:
      return "operator";
    case PeerRole::kGuest:
      return "guest";
  }
  return "";
}

Result<PeerIdentity> identity_of(X509* certificate) {
  const auto wrong = [](const std::string& what) {
    return make_error(ErrorCode::kUnauthenticated, what);
  };
  PeerIdentity identity;
  identity.name = dns_name_of(certificate);
  if (!is_valid_name(identity.name))
    return wrong("the certificate has no DNS name that is a valid name");
  const std::string unit = unit_of(certificate);
  const auto role = role_named(unit);
  if (!role) {
    return wrong("the certificate's OU '" + unit +
                 "' is no role: site, evaluator, coordinator, operator, or an operator's: "
                 "root-admin, org-admin, lead, analyst, auditor");
  }
  identity.role = *role;
  if (*role == PeerRole::kOperator) identity.operator_role = unit;
  std::array<unsigned char, 32> digest{};
  X509_digest(certificate, EVP_sha256(), digest.data(), nullptr);
  identity.fingerprint = to_hex(std::as_bytes(std::span(digest)));
  return identity;
}

Status check_issuers(const STACK_OF(X509) * chain) {
  TRIB_TRY(party, identity_of(sk_X509_value(chain, 0)));
  const bool is_site = party.role == PeerRole::kSite || party.role == PeerRole::kEvaluator;
  for (int i = 1; i + 1 < sk_X509_num(chain); ++i) {
    const std::string unit = unit_of(sk_X509_value(chain, i));
    if (unit == (is_site ? kSitesCa : kServicesCa)) continue;
    return make_error(ErrorCode::kUnauthenticated,
                      "the certificate of '" + party.name + "' says that it is a " +
                          peer_role_name(party.role) +
                          ", and the CA that signed it may vouch for " +
                          (unit == kSitesCa      ? "sites and evaluators only"
                           : unit == kServicesCa ? "coordinators and operators only"
                                                 : "nobody (its OU is '" + unit + "')"));
  }
  return {};
}

}  // namespace tributary
