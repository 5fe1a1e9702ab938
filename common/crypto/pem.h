// SPDX-License-Identifier: Apache-2.0
// OpenSSL's objects with an owner each, and PEM texts (RFC 7468) to them and back. For this room's
// sources and common/transport's, where OpenSSL's types stop.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tributary {

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
using Request = std::unique_ptr<X509_REQ, void (*)(X509_REQ*)>;
using RevocationList = std::unique_ptr<X509_CRL, void (*)(X509_CRL*)>;
using Bio = std::unique_ptr<BIO, void (*)(BIO*)>;

Bio memory_bio(const std::string& text);  // to be read; an empty one to be written
std::string text_of(const Bio& bio);

// Null, or empty, where the text holds none.
Certificate read_certificate(const std::string& text);
std::vector<Certificate> read_certificates(const std::string& text);
std::vector<RevocationList> read_revocation_lists(const std::string& text);
Key read_key(const std::string& text);
Request read_request(const std::string& text);
// Whether the CA has made and signed this list.
bool is_list_of(X509_CRL* list, X509* ca);

enum class KeyKind;
Result<std::string> text_of_key(EVP_PKEY* key);  // PKCS 8, not encrypted
Key make_key(KeyKind kind);                      // a fresh one; null: OpenSSL failed

// Nothing for Ed25519, which hashes for itself.
const EVP_MD* digest_for(const EVP_PKEY* key);
std::int64_t unix_seconds(const ASN1_TIME* time);
void add_name(X509_NAME* name, const char* field, const std::string& value);
std::string common_name(const X509_NAME* name);

// What OpenSSL says of the last failure, after `what`.
Error openssl_failed(const std::string& what);

}  // namespace tributary
