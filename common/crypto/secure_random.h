// SPDX-License-Identifier: Apache-2.0
// SecureRandom: randomness for noise and masks, which nobody may foretell: AES-256 in counter mode
// whose key is replaced by its own output before each use of that output (fast key erasure,
// Bernstein 2017), so that memory that is read later says nothing of what was drawn before. The
// first key is OpenSSL's RAND_priv_bytes. One thread; a process that forks makes a new one.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "common/base/random_source.h"

struct evp_cipher_ctx_st;

namespace tributary {

class SecureRandom final : public RandomSource {
 public:
  SecureRandom();
  ~SecureRandom() override;
  SecureRandom(const SecureRandom&) = delete;
  SecureRandom& operator=(const SecureRandom&) = delete;

  std::uint64_t next_u64() override;

 private:
  static constexpr std::size_t kKeyWords = 6;  // key and counter, 48 bytes
  static constexpr std::size_t kWords = 512;

  void refill();

  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> cipher_;
  std::array<std::uint64_t, kKeyWords + kWords> pool_{};  // the next key first
  std::size_t left_ = 0;                                  // words at the end, not drawn yet
};

}  // namespace tributary
