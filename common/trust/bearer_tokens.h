// SPDX-License-Identifier: Apache-2.0
// BearerTokens: who an operator of a single sign-on is, by the token (JWT, RFC 7519) that its
// provider has signed: an OpenID Connect ID token, or an access token in that form (RFC 9068).
// Immutable, any thread. It asks no provider anything: whoever has the token is the operator until
// it ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/crypto/jws.h"
#include "common/domain/oidc_rules.h"

namespace tributary {

// In front of such an operator's name. No certificate can have a name with a colon, so nobody with
// a token is ever taken for somebody with a certificate, or the other way round.
inline constexpr std::string_view kTokenNamePrefix = "oidc:";
inline constexpr std::int64_t kTokenLeewaySeconds = 60;  // between the provider's clock and ours

struct BearerIdentity {
  std::string name;                // with kTokenNamePrefix
  std::string role;                // one of kOperatorRoles
  std::int64_t until_seconds = 0;  // Unix time; from then on the token is worth nothing
};

class BearerTokens {
 public:
  // `jwks` is the JWK Set's text.
  static Result<BearerTokens> make(OidcRules rules, std::string_view jwks);

  // kUnauthenticated: not of this provider, not for us, or not now; kPermissionDenied: it gives no
  // role. Errors quote nothing of the token.
  Result<BearerIdentity> verify(std::string_view token, std::int64_t unix_seconds) const;

 private:
  BearerTokens(OidcRules rules, KeySet keys) : rules_(std::move(rules)), keys_(std::move(keys)) {}

  OidcRules rules_;
  KeySet keys_;
};

}  // namespace tributary
