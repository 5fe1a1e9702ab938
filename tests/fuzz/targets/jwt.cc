// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "common/base/assert.h"
#include "common/crypto/identity.h"
#include "common/trust/bearer_tokens.h"
#include "tests/fuzz/targets.h"
#include "tests/support/tokens.h"

namespace tributary {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;

// A JWK Set and, in the last line, a token: only the one text of a payload is ever let through.
bool opens(std::string_view jwks, std::string_view token) {
  const Result<KeySet> keys = KeySet::parse(jwks);
  if (!keys) return false;
  const Result<std::string> payload = keys->open(token);
  if (!payload) return false;
  const std::size_t first = token.find('.') + 1;
  TRIB_ASSERT(base64url(*payload) == token.substr(first, token.rfind('.') - first),
              "two texts for one payload");
  return true;
}

// Claims, signed here: no search finds a signature.
bool identifies(const std::string& claims) {
  static const TokenKey kKey("k1", "EdDSA");
  static const Result<BearerTokens> kTokens =
      BearerTokens::make({"https://sso.example.org", "tributary"}, kKey.key_set());
  const Result<BearerIdentity> who = kTokens->verify(kKey.token(claims), kNow);
  if (!who) return false;
  TRIB_ASSERT(who->name.starts_with(kTokenNamePrefix) && who->name.size() <= 128 + 5,
              "a name that could be another's");
  TRIB_ASSERT(std::ranges::count(kOperatorRoles, who->role) == 1, "a role that is none");
  TRIB_ASSERT(who->until_seconds > kNow, "a token that has ended");
  return true;
}

}  // namespace

bool fuzz_jwt(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  const std::size_t line = text.rfind('\n');
  return line == std::string_view::npos ? identifies(std::string(text))
                                        : opens(text.substr(0, line), text.substr(line + 1));
}

}  // namespace tributary
