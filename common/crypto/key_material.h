// SPDX-License-Identifier: Apache-2.0
// Keys of 32 bytes that two parties agree on, derive and use: X25519 (RFC 7748), HKDF-SHA256 (RFC
// 5869), AES-256-GCM for a short secret, AES-256-CTR as a stream. They are gone from memory with
// their owner. Plain values and functions, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

struct evp_cipher_ctx_st;

namespace tributary {

// Overwrites what must not stay in memory, whatever the compiler thinks of it.
void wipe(MutableByteView bytes);

// Wiped when it goes.
class SecretKey {
 public:
  using Value = std::array<std::byte, 32>;

  static SecretKey make();  // random
  explicit SecretKey(const Value& value) : value_(value) {}
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();

  const Value& value() const { return value_; }
  bool operator==(const SecretKey& other) const;  // in a time that says nothing

 private:
  Value value_;
};

using AgreementPublicKey = std::array<std::byte, 32>;

// Of X25519: any 32 bytes are a secret.
AgreementPublicKey agreement_public_key(const SecretKey& secret);
// What only the two have. kInvalidArgument: the other's key is of low order, so that anybody would
// know the outcome.
Result<SecretKey> agree(const SecretKey& secret, const AgreementPublicKey& peer);

// 32 bytes of HKDF-SHA256. `from` may be of any length, the value of another key say.
SecretKey derive_key(ByteView from, ByteView salt, std::string_view info);

// For a key that seals one text and no other: the nonce is 0. The tag of 16 bytes comes last.
Bytes seal(const SecretKey& key, ByteView plain, ByteView associated);
// kUnauthenticated: it was not sealed so, by that key, with the same associated data.
Result<Bytes> open_sealed(const SecretKey& key, ByteView sealed, ByteView associated);

// The key stream of AES-256-CTR from counter 0, at any place. One thread.
class KeyStream {
 public:
  explicit KeyStream(const SecretKey& key);
  ~KeyStream();
  KeyStream(KeyStream&& other) noexcept;
  KeyStream& operator=(KeyStream&&) = delete;

  // Its bytes from `offset`, which is a multiple of 16.
  void read_at(std::uint64_t offset, MutableByteView into);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> cipher_;
};

}  // namespace tributary
