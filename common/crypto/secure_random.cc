// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/secure_random.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <utility>

#include "common/base/assert.h"

namespace tributary {

void SecureRandom::Free::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

SecureRandom::SecureRandom() : cipher_(EVP_CIPHER_CTX_new()) {
  TRIB_ASSERT(cipher_ != nullptr, "no memory for a cipher");
  auto* const key = reinterpret_cast<unsigned char*>(pool_.data());
  TRIB_ASSERT(RAND_priv_bytes(key, kKeyWords * sizeof pool_[0]) == 1, "no random bytes");
}

SecureRandom::~SecureRandom() { OPENSSL_cleanse(pool_.data(), sizeof pool_); }

std::uint64_t SecureRandom::next_u64() {
  if (left_ == 0) refill();
  return std::exchange(pool_[pool_.size() - left_--], 0);
}

void SecureRandom::refill() {
  auto* const bytes = reinterpret_cast<unsigned char*>(pool_.data());
  constexpr int kKeyBytes = 32;
  int written = 0;
  const bool keyed =
      EVP_EncryptInit_ex(cipher_.get(), EVP_aes_256_ctr(), nullptr, bytes, bytes + kKeyBytes) == 1;
  pool_.fill(0);  // what is encrypted is the key stream
  TRIB_ASSERT(keyed && EVP_EncryptUpdate(cipher_.get(), bytes, &written, bytes,
                                         static_cast<int>(sizeof pool_)) == 1,
              "AES-256-CTR failed");
  left_ = kWords;
}

}  // namespace tributary
