// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/jws.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/text.h"
#include "common/crypto/pem.h"
#include "common/crypto/strict_json.h"

namespace tributary {
namespace {

using Json = nlohmann::json;
using Number = std::unique_ptr<BIGNUM, void (*)(BIGNUM*)>;
using Parameters = std::unique_ptr<OSSL_PARAM, void (*)(OSSL_PARAM*)>;
using ParameterBuild = std::unique_ptr<OSSL_PARAM_BLD, void (*)(OSSL_PARAM_BLD*)>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;

constexpr std::size_t kHeaderBytesMax = 4u << 10;
constexpr std::size_t kKeysMax = 100;
constexpr int kRsaBitsMin = 2048;  // RFC 7518, 3.3
constexpr int kRsaBitsMax = 8192;  // longer ones make every check of a token slow
constexpr std::size_t kExponentBytesMax = 8;
constexpr std::size_t kCurveBytes = 32;  // of a coordinate, and of each half of a signature

Error wrong(const std::string& why) { return make_error(ErrorCode::kInvalidArgument, why); }
Error untrusted(const std::string& why) {
  ERR_clear_error();
  return make_error(ErrorCode::kUnauthenticated, "the token " + why);
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

const std::string* text_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

// A member that is base64url; empty where it is not there, or not so.
std::string bytes_in(const Json& object, const char* name) {
  std::string bytes;
  const std::string* text = text_in(object, name);
  if (text == nullptr || !decode_base64url(*text, bytes)) return {};
  return bytes;
}

Key key_of(const char* kind, const ParameterBuild& build) {
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr), &EVP_PKEY_CTX_free);
  const Parameters parameters(OSSL_PARAM_BLD_to_param(build.get()), &OSSL_PARAM_free);
  EVP_PKEY* key = nullptr;
  if (context == nullptr || parameters == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    ERR_clear_error();
    return {nullptr, &EVP_PKEY_free};
  }
  return {key, &EVP_PKEY_free};
}

Key rsa_key(const Json& jwk) {
  const std::string n = bytes_in(jwk, "n"), e = bytes_in(jwk, "e");
  const auto number = [](const std::string& bytes) {
    return Number(BN_bin2bn(raw(bytes), static_cast<int>(bytes.size()), nullptr), &BN_free);
  };
  const Number modulus = number(n), exponent = number(e);
  if (e.empty() || e.size() > kExponentBytesMax || !BN_is_odd(exponent.get()) ||
      BN_is_one(exponent.get()) || !BN_is_odd(modulus.get()) ||
      BN_num_bits(modulus.get()) < kRsaBitsMin || BN_num_bits(modulus.get()) > kRsaBitsMax) {
    return {nullptr, &EVP_PKEY_free};
  }
  const ParameterBuild build(OSSL_PARAM_BLD_new(), &OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  return key_of("RSA", build);
}

// OpenSSL refuses a point that is not on the curve.
Key curve_key(const Json& jwk) {
  const std::string x = bytes_in(jwk, "x"), y = bytes_in(jwk, "y");
  if (x.size() != kCurveBytes || y.size() != kCurveBytes) return {nullptr, &EVP_PKEY_free};
  const std::string point = "\x04" + x + y;
  const ParameterBuild build(OSSL_PARAM_BLD_new(), &OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  return key_of("EC", build);
}

Key edwards_key(const Json& jwk) {
  const std::string x = bytes_in(jwk, "x");
  EVP_PKEY* key = x.size() == kCurveBytes
                      ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(x), x.size())
                      : nullptr;
  ERR_clear_error();
  return {key, &EVP_PKEY_free};
}

// Both halves of r and s in DER, as OpenSSL takes an ECDSA signature.
std::string der_of(std::string_view halves) {
  if (halves.size() != 2 * kCurveBytes) return {};
  const auto half = [&](std::size_t at) {
    return BN_bin2bn(raw(halves) + at, kCurveBytes, nullptr);
  };
  ECDSA_SIG* const signature = ECDSA_SIG_new();
  ECDSA_SIG_set0(signature, half(0), half(kCurveBytes));
  std::array<unsigned char, 80> der{};
  unsigned char* end = der.data();
  const int size = i2d_ECDSA_SIG(signature, &end);
  ECDSA_SIG_free(signature);
  return {reinterpret_cast<const char*>(der.data()), static_cast<std::size_t>(std::max(size, 0))};
}

bool verifies(EVP_PKEY* key, const std::string& algorithm, std::string_view message,
              std::string signature) {
  if (algorithm == "ES256") signature = der_of(signature);
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_PKEY_CTX* options = nullptr;  // the context's own
  if (EVP_DigestVerifyInit(context.get(), &options, digest_for(key), nullptr, key) != 1)
    return false;
  if (algorithm == "PS256" &&
      (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(message),
                          message.size()) == 1;
}

// Case does not count, nor the prefix that may be left out (RFC 7515, 4.1.9; RFC 9068).
bool is_token_type(std::string type) {
  std::ranges::transform(type, type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (type.starts_with("application/")) type.erase(0, std::string_view("application/").size());
  return type == "jwt" || type == "at+jwt";
}

struct Parts {
  std::string_view header, payload, signature;
};

std::optional<Parts> parts_of(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return std::nullopt;
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
               token.substr(second + 1)};
}

struct Header {
  std::string algorithm;
  std::optional<std::string> kid;
};

Result<Header> read_header(std::string_view encoded) {
  std::string text;
  if (!decode_base64url(encoded, text)) return untrusted("has a header that is no base64url");
  const auto json = parse_strict_object(text, kHeaderBytesMax);
  if (!json) return untrusted("has a header that cannot be read: " + json.error().message);
  // An extension that must be understood, and none is; b64 is one (RFC 7797).
  if (json->contains("crit") || json->contains("b64"))
    return untrusted("demands an extension that is not known here");
  if (json->contains("typ")) {
    const std::string* type = text_in(*json, "typ");
    if (type == nullptr || !is_token_type(*type)) return untrusted("is of another kind than JWT");
  }
  const std::string* algorithm = text_in(*json, "alg");
  if (algorithm == nullptr) return untrusted("names no algorithm");
  Header header{*algorithm, std::nullopt};
  if (json->contains("kid")) {
    const std::string* kid = text_in(*json, "kid");
    if (kid == nullptr) return untrusted("has a kid that is no text");
    header.kid = *kid;
  }
  return header;
}

}  // namespace

bool decode_base64url(std::string_view text, std::string& into) {
  into.clear();
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    std::uint32_t six = 0;
    if (c >= 'A' && c <= 'Z') {
      six = static_cast<std::uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      six = static_cast<std::uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      six = static_cast<std::uint32_t>(c - '0') + 52;
    } else if (c == '-' || c == '_') {
      six = c == '-' ? 62 : 63;
    } else {
      return false;
    }
    bits = bits << 6 | six;
    count += 6;
    if (count >= 8) {
      count -= 8;
      into.push_back(static_cast<char>(bits >> count & 0xff));
    }
  }
  return count < 6 && (bits & ((1u << count) - 1)) == 0;
}

struct KeySet::PublicKey {
  std::optional<std::string> kid;
  std::vector<std::string> algorithms;  // that a token may name with this key
  Key key;
};

KeySet::KeySet() = default;
KeySet::~KeySet() = default;
KeySet::KeySet(KeySet&&) noexcept = default;
KeySet& KeySet::operator=(KeySet&&) noexcept = default;

namespace {

// Whether it is for signatures, as far as it says (RFC 7517, 4.2 and 4.3).
bool is_for_signatures(const Json& jwk) {
  if (jwk.contains("use")) {
    const std::string* use = text_in(jwk, "use");
    if (use == nullptr || *use != "sig") return false;
  }
  const auto operations = jwk.find("key_ops");
  return operations == jwk.end() ||
         (operations->is_array() && std::ranges::count(*operations, Json("verify")) > 0);
}

struct Kind {
  std::vector<std::string> algorithms;
  Key (*read)(const Json&);
};

std::optional<Kind> kind_of(const Json& jwk) {
  const std::string* type = text_in(jwk, "kty");
  const std::string* curve = text_in(jwk, "crv");
  if (type == nullptr) return std::nullopt;
  if (*type == "RSA") return Kind{{"RS256", "PS256"}, &rsa_key};
  if (curve == nullptr) return std::nullopt;
  if (*type == "EC" && *curve == "P-256") return Kind{{"ES256"}, &curve_key};
  if (*type == "OKP" && *curve == "Ed25519") return Kind{{"EdDSA"}, &edwards_key};
  return std::nullopt;
}

}  // namespace

Result<KeySet> KeySet::parse(std::string_view text) {
  TRIB_TRY(json, parse_strict_object(text, kKeySetBytesMax));
  const auto keys = json.find("keys");
  if (keys == json.end() || !keys->is_array()) return wrong("it has no list \"keys\": no JWK Set");
  if (keys->size() > kKeysMax)
    return wrong("it has more than " + std::to_string(kKeysMax) + " keys");
  KeySet set;
  for (const Json& jwk : *keys) {
    if (!jwk.is_object()) return wrong("one of its keys is no object");
    // Whoever can read this file must not be able to make tokens.
    if (jwk.contains("d") || jwk.contains("k"))
      return wrong("it holds a secret key; the provider's public ones belong here");
    std::optional<Kind> kind = is_for_signatures(jwk) ? kind_of(jwk) : std::nullopt;
    if (!kind) continue;
    auto one = std::make_unique<PublicKey>(
        PublicKey{std::nullopt, std::move(kind->algorithms), Key(nullptr, &EVP_PKEY_free)});
    if (const std::string* kid = text_in(jwk, "kid"); kid != nullptr) one->kid = *kid;
    const std::string named =
        one->kid ? "the key " + tributary::quoted(*one->kid) : "a key without kid";
    if (const std::string* algorithm = text_in(jwk, "alg"); algorithm != nullptr)
      std::erase_if(one->algorithms, [&](const std::string& known) { return known != *algorithm; });
    if (one->algorithms.empty()) continue;
    one->key = kind->read(jwk);
    if (!one->key) return wrong(named + " is damaged, or too short or long");
    for (const auto& other : set.keys_) {
      if (other->kid == one->kid) return wrong(named + " stands there twice");
    }
    set.keys_.push_back(std::move(one));
  }
  if (set.keys_.empty())
    return wrong("it has no key for RS256, PS256, ES256 or EdDSA with Ed25519");
  return set;
}

Result<const KeySet::PublicKey*> KeySet::find(const std::string* kid) const {
  if (kid == nullptr) {
    if (keys_.size() == 1) return keys_.front().get();
    return untrusted("names no key, and the provider has several");
  }
  for (const auto& one : keys_) {
    if (one->kid && *one->kid == *kid) return one.get();
  }
  return untrusted("names a key that the provider does not have (kid)");
}

Result<std::string> KeySet::open(std::string_view token) const {
  if (token.size() > kTokenBytesMax) return untrusted("is too long");
  const std::optional<Parts> parts = parts_of(token);
  if (!parts) return untrusted("does not have the three parts of a signed one");
  TRIB_TRY(header, read_header(parts->header));
  TRIB_TRY(key, find(header.kid ? &*header.kid : nullptr));
  if (std::ranges::count(key->algorithms, header.algorithm) == 0)
    return untrusted("names an algorithm that its key is not for");
  std::string signature, payload;
  if (!decode_base64url(parts->signature, signature) || signature.empty())
    return untrusted("has a signature that is no base64url");
  const std::string_view message =
      token.substr(0, parts->header.size() + 1 + parts->payload.size());
  if (!verifies(key->key.get(), header.algorithm, message, std::move(signature)))
    return untrusted("was not signed by the key that it names");
  if (!decode_base64url(parts->payload, payload))
    return untrusted("has a payload that is no base64url");
  return payload;
}

}  // namespace tributary
