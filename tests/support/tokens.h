// SPDX-License-Identifier: Apache-2.0
// A single sign-on's side of bearer tokens, written apart from the code that checks them: keys,
// their JWKs, and tokens that they sign. One test each.
#pragma once

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>

#include "common/base/assert.h"

namespace tributary {

inline std::string base64url(const std::string& bytes) {
  static const char* kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t here = std::min<std::size_t>(bytes.size() - at, 3);
    unsigned group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < here ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (std::size_t i = 0; i <= here; ++i) text += kAlphabet[group >> (18 - 6 * i) & 63];
  }
  return text;
}

class TokenKey {
 public:
  // RS256, PS256, ES256 or EdDSA.
  TokenKey(std::string kid, std::string algorithm, unsigned rsa_bits = 2048)
      : kid_(std::move(kid)), algorithm_(std::move(algorithm)) {
    key_.reset(algorithm_ == "ES256"   ? EVP_EC_gen("P-256")
               : algorithm_ == "EdDSA" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                       : EVP_RSA_gen(rsa_bits));
    TRIB_ASSERT(key_ != nullptr, "a key");
  }

  // With more members, such as R"(,"use":"enc")".
  std::string jwk(const std::string& more = "") const {
    std::string members;
    if (algorithm_ == "ES256") {
      members = R"("kty":"EC","crv":"P-256","x":")" + number(OSSL_PKEY_PARAM_EC_PUB_X, 32) +
                R"(","y":")" + number(OSSL_PKEY_PARAM_EC_PUB_Y, 32) + '"';
    } else if (algorithm_ == "EdDSA") {
      std::string raw(32, '\0');
      std::size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(key_.get(), bytes_of(raw), &size);
      members = R"("kty":"OKP","crv":"Ed25519","x":")" + base64url(raw) + '"';
    } else {
      members = R"("kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N, 0) + R"(","e":")" +
                number(OSSL_PKEY_PARAM_RSA_E, 0) + '"';
    }
    return R"({"kid":")" + kid_ + "\"," + members + more + "}";
  }
  std::string key_set() const { return R"({"keys":[)" + jwk() + "]}"; }

  std::string header() const {
    return R"({"alg":")" + algorithm_ + R"(","kid":")" + kid_ + R"(","typ":"JWT"})";
  }
  std::string token(const std::string& claims) const { return token(header(), claims); }
  // With whatever header.
  std::string token(const std::string& header, const std::string& claims) const {
    const std::string message = base64url(header) + "." + base64url(claims);
    return message + "." + base64url(sign(message));
  }

 private:
  static unsigned char* bytes_of(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
  }
  // Big-endian; of as many bytes as it needs where `bytes` is 0.
  std::string number(const char* name, int bytes) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &value);
    std::string text(static_cast<std::size_t>(bytes > 0 ? bytes : BN_num_bytes(value)), '\0');
    BN_bn2binpad(value, bytes_of(text), static_cast<int>(text.size()));
    BN_free(value);
    return base64url(text);
  }
  std::string sign(const std::string& message) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* options = nullptr;
    const EVP_MD* digest = algorithm_ == "EdDSA" ? nullptr : EVP_sha256();
    EVP_DigestSignInit(context, &options, digest, nullptr, key_.get());
    if (algorithm_ == "PS256") {
      EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
    }
    std::string signature(1024, '\0');
    std::size_t size = signature.size();
    EVP_DigestSign(context, bytes_of(signature), &size,
                   reinterpret_cast<const unsigned char*>(message.data()), message.size());
    EVP_MD_CTX_free(context);
    signature.resize(size);
    return algorithm_ == "ES256" ? halves_of(signature) : signature;
  }
  static std::string halves_of(const std::string& der) {
    const auto* in = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* parsed = d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size()));
    std::string halves(64, '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(parsed), bytes_of(halves), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(parsed), bytes_of(halves) + 32, 32);
    ECDSA_SIG_free(parsed);
    return halves;
  }

  std::string kid_, algorithm_;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{nullptr, &EVP_PKEY_free};
};

}  // namespace tributary
