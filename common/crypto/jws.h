// SPDX-License-Identifier: Apache-2.0
// Signed tokens of another party: JWS in its compact form (RFC 7515) by the public keys of a JWK
// Set (RFC 7517, 7518, 8037). RS256, PS256, ES256 and EdDSA with Ed25519; the key decides which of
// them a token may name, so neither "none" nor a MAC by a public key is ever a signature. What a
// header says of keys but `kid` (jwk, jku, x5c ...) is not followed. Immutable, any thread. It does
// not know what the payload means.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tributary {

inline constexpr std::size_t kTokenBytesMax = 16u << 10;  // providers put groups into them
inline constexpr std::size_t kKeySetBytesMax = 1u << 20;

// Without padding (RFC 4648, 5); one text for the same bytes only. False: it is not so.
bool decode_base64url(std::string_view text, std::string& into);

class KeySet {
 public:
  // Keys for other uses, or of kinds that are not known here, are passed over. kInvalidArgument: no
  // JWK Set, none of its keys is of use, two have the same `kid`, or one is private. Errors quote
  // nothing of it but a `kid`.
  static Result<KeySet> parse(std::string_view json);
  ~KeySet();
  KeySet(KeySet&&) noexcept;
  KeySet& operator=(KeySet&&) noexcept;

  // The payload of a token that one of the keys has signed: the one that it names, or the only one.
  // Its `typ`, where it has one, is JWT or at+jwt. kUnauthenticated otherwise; errors quote nothing
  // of the token.
  Result<std::string> open(std::string_view token) const;
  std::size_t size() const { return keys_.size(); }

 private:
  struct PublicKey;
  KeySet();
  Result<const PublicKey*> find(const std::string* kid) const;

  std::vector<std::unique_ptr<PublicKey>> keys_;
};

}  // namespace tributary
