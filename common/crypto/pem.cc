// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace tributary {

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
  const Bio bio = memory_bio(text);
  std::vector<Certificate> all;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    all.emplace_back(next, &X509_free);
  ERR_clear_error();  // of the end of the text
  return all;
}

Key read_key(const std::string& text) {
  const Bio bio = memory_bio(text);
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
}

Error openssl_failed(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return make_error(ErrorCode::kInvalidArgument,
                    what + (reason == nullptr ? "" : std::string(": ") + reason));
}

}  // namespace tributary
