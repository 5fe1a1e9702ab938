// SPDX-License-Identifier: Apache-2.0
#include "common/trust/bearer_tokens.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

#include "common/crypto/identity.h"
#include "common/crypto/strict_json.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kNameBytesMax = 128;
constexpr std::int64_t kSecondsMax = 253'402'300'799;  // the end of the year 9999

Error untrusted(const std::string& why) {
  return make_error(ErrorCode::kUnauthenticated, "the token " + why);
}

// NumericDate (RFC 7519, 2): seconds, perhaps with a fraction, which is cut off.
Result<std::optional<std::int64_t>> time_in(const Json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end()) return std::optional<std::int64_t>{};
  const double seconds = found->is_number() ? found->get<double>() : -1;
  if (seconds < 0 || seconds > static_cast<double>(kSecondsMax))
    return untrusted("has a time that is none (" + std::string(name) + ")");
  return std::optional(static_cast<std::int64_t>(seconds));
}

// Of one text, or of a list of them; whatever else it is holds none.
std::vector<std::string> words_in(const Json& claims, const std::string& name) {
  std::vector<std::string> words;
  const auto found = claims.find(name);
  if (found == claims.end()) return words;
  if (found->is_string()) words.push_back(found->get<std::string>());
  if (!found->is_array()) return words;
  for (const Json& one : *found) {
    if (one.is_string()) words.push_back(one.get<std::string>());
  }
  return words;
}

// Until when it is good.
Result<std::int64_t> check_times(const Json& claims, std::int64_t now) {
  TRIB_TRY(expires, time_in(claims, "exp"));
  TRIB_TRY(begins, time_in(claims, "nbf"));
  TRIB_TRY(issued, time_in(claims, "iat"));
  if (!expires) return untrusted("has no end (exp)");
  if (now >= *expires + kTokenLeewaySeconds)
    return untrusted("has expired; get a new one from your single sign-on");
  if (begins && now < *begins - kTokenLeewaySeconds) return untrusted("is not valid yet (nbf)");
  if (issued && now < *issued - kTokenLeewaySeconds)
    return untrusted("was issued in the future (iat); compare the clocks");
  return *expires + kTokenLeewaySeconds;
}

Result<std::string> name_in(const Json& claims, const std::string& claim) {
  const auto found = claims.find(claim);
  const std::string* name = found == claims.end() ? nullptr : found->get_ptr<const std::string*>();
  if (name == nullptr) return untrusted("does not say whose it is (" + claim + ")");
  if (claim == "email" && claims.contains("email_verified") && claims["email_verified"] != true)
    return untrusted("has an email that the provider has not verified");
  const bool plain = std::ranges::all_of(*name, [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view(".-_@+|/=:").find(static_cast<char>(c)) != std::string_view::npos;
  });
  // It stands in logs and tables, and must look there like nobody else's.
  if (name->empty() || name->size() > kNameBytesMax || !plain)
    return untrusted(
        "has a name that is empty, too long or not of letters, digits and .-_@+|/=: (" + claim +
        ")");
  return std::string(kTokenNamePrefix) + *name;
}

Result<std::string> role_in(const Json& claims, const OidcRules& rules) {
  const std::vector<std::string> words = words_in(claims, rules.role_claim);
  for (const auto& [word, role] : rules.role_map) {
    if (std::ranges::count(words, word) > 0) return role;
  }
  std::vector<std::string> roles;
  if (rules.role_map.empty()) {
    std::ranges::copy_if(words, std::back_inserter(roles), [](const std::string& word) {
      return std::ranges::count(kOperatorRoles, word) > 0;
    });
  }
  if (roles.size() == 1) return roles.front();
  return make_error(ErrorCode::kPermissionDenied,
                    "the token gives " + std::string(roles.empty() ? "no role" : "several roles") +
                        " here (" + rules.role_claim + ")");
}

}  // namespace

Result<BearerTokens> BearerTokens::make(OidcRules rules, std::string_view jwks) {
  TRIB_TRY(keys, KeySet::parse(jwks));
  return BearerTokens(std::move(rules), std::move(keys));
}

Result<BearerIdentity> BearerTokens::verify(std::string_view token, std::int64_t now) const {
  TRIB_TRY(payload, keys_.open(token));
  const auto claims = parse_strict_object(payload, kTokenBytesMax);
  if (!claims) return untrusted("has claims that cannot be read: " + claims.error().message);
  const auto issuer = claims->find("iss");
  if (issuer == claims->end() || *issuer != rules_.issuer) return untrusted("is of another issuer");
  if (std::ranges::count(words_in(*claims, "aud"), rules_.audience) == 0)
    return untrusted("is for another audience");
  TRIB_TRY(until, check_times(*claims, now));
  TRIB_TRY(name, name_in(*claims, rules_.name_claim));
  TRIB_TRY(role, role_in(*claims, rules_));
  return BearerIdentity{std::move(name), std::move(role), until};
}

}  // namespace tributary
