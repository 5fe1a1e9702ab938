// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/pem.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <ctime>

#include "common/crypto/pki.h"

namespace tributary {
namespace {

template <typename Owned>
using ReadOne = typename Owned::pointer (*)(BIO*, typename Owned::pointer*, pem_password_cb*,
                                            void*);

template <typename Owned>
std::vector<Owned> read_all(const std::string& text, ReadOne<Owned> read,
                            typename Owned::deleter_type free) {
  const Bio bio = memory_bio(text);
  std::vector<Owned> all;
  while (const auto next = read(bio.get(), nullptr, nullptr, nullptr)) all.emplace_back(next, free);
  ERR_clear_error();  // of the end of the text
  return all;
}

}  // namespace

Bio memory_bio(const std::string& text) {
  return Bio(text.empty() ? BIO_new(BIO_s_mem())
                          : BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
             &BIO_free_all);
}

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Certificate read_certificate(const std::string& text) {
  const Bio bio = memory_bio(text);
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
}

std::vector<Certificate> read_certificates(const std::string& text) {
  return read_all<Certificate>(text, &PEM_read_bio_X509, &X509_free);
}

std::vector<RevocationList> read_revocation_lists(const std::string& text) {
  return read_all<RevocationList>(text, &PEM_read_bio_X509_CRL, &X509_CRL_free);
}

bool is_list_of(X509_CRL* list, X509* ca) {
  const bool is_its = X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(ca)) == 0 &&
                      X509_CRL_verify(list, X509_get0_pubkey(ca)) == 1;
  ERR_clear_error();
  return is_its;
}

Key read_key(const std::string& text) {
  const Bio bio = memory_bio(text);
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
}

Request read_request(const std::string& text) {
  const Bio bio = memory_bio(text);
  return Request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr), &X509_REQ_free);
}

Key make_key(KeyKind kind) {
  return Key(
      kind == KeyKind::kP256 ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"),
      &EVP_PKEY_free);
}

Result<std::string> text_of_key(EVP_PKEY* key) {
  const Bio text = memory_bio("");
  if (PEM_write_bio_PKCS8PrivateKey(text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return openssl_failed("writing the key");
  return text_of(text);
}

void add_name(X509_NAME* name, const char* field, const std::string& value) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(value.data()),
                             static_cast<int>(value.size()), -1, 0);
}

const EVP_MD* digest_for(const EVP_PKEY* key) {
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
}

std::int64_t unix_seconds(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? ::timegm(&parts) : 0;
}

std::string common_name(const X509_NAME* name) {
  std::array<char, 256> text{};
  // OpenSSL 3.0 takes the name as const there; older headers do not.
  X509_NAME_get_text_by_NID(const_cast<X509_NAME*>(name), NID_commonName, text.data(), text.size());
  return text.data();
}

Error openssl_failed(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return make_error(ErrorCode::kInvalidArgument,
                    what + (reason == nullptr ? "" : std::string(": ") + reason));
}

}  // namespace tributary
