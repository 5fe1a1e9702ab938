// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/secret.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <span>

#include "common/base/assert.h"

namespace tributary {

std::string make_token() {
  std::array<unsigned char, 16> bytes{};
  TRIB_ASSERT(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "no random bytes");
  return to_hex(std::as_bytes(std::span(bytes)));
}

bool is_same_secret(const Digest& one, const Digest& other) {
  return CRYPTO_memcmp(one.bytes.data(), other.bytes.data(), one.bytes.size()) == 0;
}

}  // namespace tributary
