// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/key_material.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <algorithm>

#include "common/base/assert.h"

namespace tributary {
namespace {

constexpr std::size_t kTagBytes = 16;
constexpr std::uint64_t kBlockBytes = 16;

template <auto function>
struct FreeBy {
  void operator()(auto* object) const { function(object); }
};
using KeyPointer = std::unique_ptr<EVP_PKEY, FreeBy<&EVP_PKEY_free>>;
using CipherPointer = std::unique_ptr<EVP_CIPHER_CTX, FreeBy<&EVP_CIPHER_CTX_free>>;

const unsigned char* raw(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(MutableByteView bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
int length(std::size_t size) {
  TRIB_ASSERT(size <= 1u << 30, "too much for one call of a cipher");
  return static_cast<int>(size);
}

KeyPointer private_of(const SecretKey& secret) {
  KeyPointer key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, raw(secret.value()),
                                              secret.value().size()));
  TRIB_ASSERT(key != nullptr, "OpenSSL has no X25519");
  return key;
}

// Ready to seal, or to open, with nonce 0.
CipherPointer gcm(const SecretKey& key, ByteView associated, bool seals) {
  constexpr std::array<unsigned char, 12> kNonce{};
  CipherPointer cipher(EVP_CIPHER_CTX_new());
  int written = 0;
  const bool ready =
      cipher != nullptr &&
      EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(key.value()), kNonce.data(),
                        seals ? 1 : 0) == 1 &&
      (associated.empty() || EVP_CipherUpdate(cipher.get(), nullptr, &written, raw(associated),
                                              length(associated.size())) == 1);
  TRIB_ASSERT(ready, "AES-256-GCM failed");
  return cipher;
}

}  // namespace

void wipe(MutableByteView bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

SecretKey SecretKey::make() {
  Value value{};
  TRIB_ASSERT(RAND_priv_bytes(raw(MutableByteView(value)), length(value.size())) == 1,
              "no random bytes");
  SecretKey key(value);
  OPENSSL_cleanse(value.data(), value.size());
  return key;
}

SecretKey::~SecretKey() { OPENSSL_cleanse(value_.data(), value_.size()); }

bool SecretKey::operator==(const SecretKey& other) const {
  return CRYPTO_memcmp(value_.data(), other.value_.data(), value_.size()) == 0;
}

AgreementPublicKey agreement_public_key(const SecretKey& secret) {
  AgreementPublicKey out{};
  std::size_t size = out.size();
  const KeyPointer key = private_of(secret);
  TRIB_ASSERT(EVP_PKEY_get_raw_public_key(key.get(), raw(MutableByteView(out)), &size) == 1,
              "X25519 failed");
  return out;
}

Result<SecretKey> agree(const SecretKey& secret, const AgreementPublicKey& peer) {
  const KeyPointer own = private_of(secret);
  const KeyPointer other(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, raw(ByteView(peer)), peer.size()));
  const std::unique_ptr<EVP_PKEY_CTX, FreeBy<&EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new(own.get(), nullptr));
  SecretKey::Value shared{};
  std::size_t size = shared.size();
  // OpenSSL refuses an outcome of zeros, as RFC 7748 section 6.1 has it.
  if (other == nullptr || context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), other.get()) != 1 ||
      EVP_PKEY_derive(context.get(), raw(MutableByteView(shared)), &size) != 1) {
    return make_error(ErrorCode::kInvalidArgument, "the other party's key is none to agree with");
  }
  SecretKey key(shared);
  OPENSSL_cleanse(shared.data(), shared.size());
  return key;
}

SecretKey derive_key(ByteView from, ByteView salt, std::string_view info) {
  const std::unique_ptr<EVP_KDF, FreeBy<&EVP_KDF_free>> kdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, FreeBy<&EVP_KDF_CTX_free>> context(EVP_KDF_CTX_new(kdf.get()));
  std::string digest = "SHA256", label(info);
  SecretKey::Value output{};
  Bytes input(from.begin(), from.end()), salted(salt.begin(), salt.end());
  if (salted.empty()) salted.resize(output.size());  // RFC 5869 section 2.2
  const std::array<OSSL_PARAM, 5> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, input.data(), input.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salted.data(), salted.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label.data(), label.size()),
      OSSL_PARAM_construct_end()};
  const bool derived =
      context != nullptr && EVP_KDF_derive(context.get(), raw(MutableByteView(output)),
                                           output.size(), parameters.data()) == 1;
  TRIB_ASSERT(derived, "HKDF failed");
  SecretKey key(output);
  OPENSSL_cleanse(input.data(), input.size());
  OPENSSL_cleanse(output.data(), output.size());
  return key;
}

Bytes seal(const SecretKey& key, ByteView plain, ByteView associated) {
  const CipherPointer cipher = gcm(key, associated, true);
  Bytes sealed(plain.size() + kTagBytes);
  const MutableByteView out(sealed);
  int written = 0;
  const bool done =
      EVP_EncryptUpdate(cipher.get(), raw(out), &written, raw(plain), length(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), raw(out), &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                          raw(out.last(kTagBytes))) == 1;
  TRIB_ASSERT(done, "AES-256-GCM failed");
  return sealed;
}

Result<Bytes> open_sealed(const SecretKey& key, ByteView sealed, ByteView associated) {
  const auto refused = [] {
    return make_error(ErrorCode::kUnauthenticated, "what was sealed was changed, or is another's");
  };
  if (sealed.size() < kTagBytes) return refused();
  const CipherPointer cipher = gcm(key, associated, false);
  Bytes tag(sealed.end() - kTagBytes, sealed.end());
  const ByteView text = sealed.first(sealed.size() - kTagBytes);
  Bytes plain(text.size());
  std::array<unsigned char, kBlockBytes> rest{};  // of a stream cipher there is none
  int written = 0;
  if (EVP_DecryptUpdate(cipher.get(), raw(MutableByteView(plain)), &written, raw(text),
                        length(text.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) != 1 ||
      EVP_DecryptFinal_ex(cipher.get(), rest.data(), &written) != 1) {
    OPENSSL_cleanse(plain.data(), plain.size());
    return refused();
  }
  return plain;
}

void KeyStream::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

KeyStream::KeyStream(const SecretKey& key) : cipher_(EVP_CIPHER_CTX_new()) {
  TRIB_ASSERT(cipher_ != nullptr && EVP_EncryptInit_ex(cipher_.get(), EVP_aes_256_ctr(), nullptr,
                                                       raw(key.value()), nullptr) == 1,
              "AES-256-CTR failed");
}

KeyStream::~KeyStream() = default;
KeyStream::KeyStream(KeyStream&& other) noexcept = default;

void KeyStream::read_at(std::uint64_t offset, MutableByteView into) {
  TRIB_ASSERT(offset % kBlockBytes == 0, "a key stream is read from a block on");
  std::array<unsigned char, kBlockBytes> counter{};  // big-endian
  std::uint64_t block = offset / kBlockBytes;
  for (std::size_t byte = counter.size(); block > 0; block >>= 8)
    counter[--byte] = static_cast<unsigned char>(block & 0xff);
  std::ranges::fill(into, std::byte{0});
  int written = 0;
  const bool done =
      EVP_EncryptInit_ex(cipher_.get(), nullptr, nullptr, nullptr, counter.data()) == 1 &&
      EVP_EncryptUpdate(cipher_.get(), raw(into), &written, raw(into), length(into.size())) == 1;
  TRIB_ASSERT(done, "AES-256-CTR failed");
}

}  // namespace tributary
