// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/pki.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "common/crypto/pem.h"

namespace tributary {
namespace {

constexpr long kDay = 24 * 3600;

Key make_key(KeyKind kind) {
  return Key(
      kind == KeyKind::kP256 ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"),
      &EVP_PKEY_free);
}

void add_name(X509_NAME* name, const char* field, const std::string& value) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(value.data()),
                             static_cast<int>(value.size()), -1, 0);
}

bool add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// A certificate with a random serial, valid from an hour ago, for clocks that differ.
Certificate blank(EVP_PKEY* key, int days) {
  Certificate certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  unsigned char serial[16];
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  const long begin = days < 0 ? (days - 1) * kDay : -3600;
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), begin);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kDay);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

Result<PemPair> sign(X509* certificate, EVP_PKEY* key, EVP_PKEY* signer) {
  const EVP_MD* digest = EVP_PKEY_get_base_id(signer) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  if (X509_sign(certificate, signer, digest) == 0) return openssl_failed("signing the certificate");
  const Bio certificate_text = memory_bio(""), key_text = memory_bio("");
  if (PEM_write_bio_X509(certificate_text.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return openssl_failed("writing the certificate");
  }
  return PemPair{text_of(certificate_text), text_of(key_text)};
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

}  // namespace

Result<int> days_left(const std::string& certificate) {
  const Certificate read = read_certificate(certificate);
  int days = 0, seconds = 0;
  if (!read || ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(read.get())) != 1)
    return openssl_failed("the certificate cannot be read");
  return days;
}

Result<PemPair> make_ca(const std::string& federation, KeyKind kind, int days) {
  const Key key = make_key(kind);
  if (!key) return openssl_failed("making a key");
  const Certificate certificate = blank(key.get(), days);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  add_name(name, "O", federation);
  add_name(name, "CN", federation + " root");
  X509_set_issuer_name(certificate.get(), name);
  if (!add_extension(certificate.get(), certificate.get(), NID_basic_constraints,
                     "critical,CA:TRUE,pathlen:0") ||
      !add_extension(certificate.get(), certificate.get(), NID_key_usage,
                     "critical,keyCertSign,cRLSign") ||
      !add_extension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash")) {
    return openssl_failed("making the root");
  }
  return sign(certificate.get(), key.get(), key.get());
}

Result<PemPair> issue_certificate(const PemPair& ca, const CertificateRequest& request) {
  const Certificate issuer = read_certificate(ca.certificate);
  const Key issuer_key = read_key(ca.key);
  if (!issuer || !issuer_key) return openssl_failed("the root's certificate or key cannot be read");
  const Key key = make_key(request.kind);
  if (!key) return openssl_failed("making a key");
  const Certificate certificate = blank(key.get(), request.days);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  add_name(name, "OU", request.role);
  add_name(name, "CN", request.name);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  std::string names = "DNS:" + request.name;
  for (const std::string& host : request.hosts)
    names += (is_address(host) ? ",IP:" : ",DNS:") + host;
  if (!add_extension(certificate.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(certificate.get(), issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(certificate.get(), issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(certificate.get(), issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(certificate.get(), issuer.get(), NID_authority_key_identifier, "keyid") ||
      !add_extension(certificate.get(), issuer.get(), NID_subject_alt_name, names)) {
    return openssl_failed("the certificate for " + request.name);
  }
  return sign(certificate.get(), key.get(), issuer_key.get());
}

}  // namespace tributary
