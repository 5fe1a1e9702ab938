// SPDX-License-Identifier: Apache-2.0
// KeyedRandom: the numbers that follow from a key, the key stream of AES-256-CTR from its first
// byte on: for noise that has to be drawn again as it was, and that nobody foretells who has not
// the key. What has to be drawn once only comes from SecureRandom. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/random_source.h"
#include "common/crypto/key_material.h"

namespace tributary {

class KeyedRandom final : public RandomSource {
 public:
  explicit KeyedRandom(const SecretKey& key) : stream_(key) {}
  ~KeyedRandom() override;
  KeyedRandom(const KeyedRandom&) = delete;
  KeyedRandom& operator=(const KeyedRandom&) = delete;

  std::uint64_t next_u64() override;  // eight bytes of the stream, little-endian

 private:
  KeyStream stream_;
  std::array<std::byte, 4096> pool_{};
  std::size_t used_ = sizeof pool_;
  std::uint64_t offset_ = 0;  // of the stream: what is read next
};

}  // namespace tributary
