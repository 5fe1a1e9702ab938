// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/signing_request.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <span>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/pem.h"

namespace tributary {
namespace {

Error refuse(const std::string& why) {
  ERR_clear_error();
  return make_error(ErrorCode::kInvalidArgument, "the signing request " + why);
}

bool is_strong(const EVP_PKEY* key) {
  if (EVP_PKEY_get_id(key) == EVP_PKEY_ED25519) return true;
  std::array<char, 32> group{};
  if (EVP_PKEY_get_id(key) != EVP_PKEY_EC ||
      EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) {
    return false;
  }
  const std::string_view name = group.data();
  return name == "prime256v1" || name == "secp384r1";
}

std::string hash_of_key(const X509_PUBKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(key, &der);
  std::array<unsigned char, 32> digest{};
  EVP_Digest(der, static_cast<std::size_t>(std::max(size, 0)), digest.data(), nullptr, EVP_sha256(),
             nullptr);
  OPENSSL_free(der);
  return to_hex(std::as_bytes(std::span(digest)));
}

std::string hash_of(const X509* certificate) {
  std::array<unsigned char, 32> digest{};
  X509_digest(certificate, EVP_sha256(), digest.data(), nullptr);
  return to_hex(std::as_bytes(std::span(digest)));
}

}  // namespace

Result<NewRequest> make_signing_request(const std::string& name, std::string_view role,
                                        KeyKind kind) {
  const Key key = make_key(kind);
  if (!key) return openssl_failed("making a key");
  TRIB_TRY(key_text, text_of_key(key.get()));
  TRIB_TRY(request, signing_request_for(key_text, name, role));
  return NewRequest{request, key_text};
}

Result<std::string> signing_request_for(const std::string& key_text, const std::string& name,
                                        std::string_view role) {
  const Key key = read_key(key_text);
  if (!key) return openssl_failed("the key cannot be read");
  const Request request(X509_REQ_new(), &X509_REQ_free);
  X509_NAME* subject = X509_REQ_get_subject_name(request.get());
  add_name(subject, "OU", std::string(role));
  add_name(subject, "CN", name);
  X509_REQ_set_pubkey(request.get(), key.get());
  const Bio text = memory_bio("");
  if (X509_REQ_sign(request.get(), key.get(), digest_for(key.get())) == 0 ||
      PEM_write_bio_X509_REQ(text.get(), request.get()) != 1) {
    return openssl_failed("writing the signing request");
  }
  return text_of(text);
}

Result<SigningRequest> read_signing_request(const std::string& text) {
  const Request request = read_request(text);
  if (!request) return refuse("cannot be read");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !is_strong(key))
    return refuse("is for a key that is none of P-256, P-384, Ed25519");
  if (X509_REQ_verify(request.get(), key) != 1) return refuse("is not signed with its own key");
  SigningRequest read{common_name(X509_REQ_get_subject_name(request.get())),
                      hash_of_key(X509_REQ_get_X509_PUBKEY(request.get()))};
  if (!is_valid_name(read.name)) return refuse("has no valid name");
  return read;
}

Result<std::string> fingerprint_of_key(const std::string& certificates) {
  const Certificate first = read_certificate(certificates);
  if (!first) return openssl_failed("the certificate cannot be read");
  return hash_of_key(X509_get_X509_PUBKEY(first.get()));
}

std::string spoken_fingerprint(const std::string& fingerprint) {
  std::string spoken;
  for (std::size_t i = 0; i < fingerprint.size(); i += 4)
    spoken += (i == 0 ? "" : " ") + fingerprint.substr(i, 4);
  return spoken;
}

std::string fingerprint_as_spoken(const std::string& words) {
  std::string fingerprint;
  for (const char c : words) {
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0)
      fingerprint += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return fingerprint;
}

Result<std::string> certificate_hash(const std::string& certificates) {
  const Certificate first = read_certificate(certificates);
  if (!first) return openssl_failed("the certificate cannot be read");
  return hash_of(first.get());
}

Result<std::string> certificate_with_hash(const std::string& certificates,
                                          const std::string& hash) {
  for (const Certificate& one : read_certificates(certificates)) {
    if (hash_of(one.get()) != hash) continue;
    const Bio text = memory_bio("");
    if (PEM_write_bio_X509(text.get(), one.get()) != 1)
      return openssl_failed("writing the certificate");
    return text_of(text);
  }
  return make_error(ErrorCode::kNotFound, "no certificate has the hash " + hash);
}

}  // namespace tributary
