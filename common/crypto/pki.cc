// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/pki.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "common/crypto/pem.h"
#include "common/crypto/signing_request.h"

namespace tributary {
namespace {

constexpr long kDay = 24 * 3600;

bool add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// A certificate with a random serial, valid from an hour ago, for clocks that differ.
Certificate blank(EVP_PKEY* key, int days, int age_days = 0) {
  Certificate certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  unsigned char serial[16];
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  const long begin = days < 0 ? (days - 1) * kDay : -age_days * kDay - 3600;
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), begin);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kDay);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

Result<std::string> sign(X509* certificate, EVP_PKEY* signer) {
  if (X509_sign(certificate, signer, digest_for(signer)) == 0)
    return openssl_failed("signing the certificate");
  const Bio text = memory_bio("");
  if (PEM_write_bio_X509(text.get(), certificate) != 1)
    return openssl_failed("writing the certificate");
  return text_of(text);
}

Result<PemPair> sign_with_key(X509* certificate, EVP_PKEY* key, EVP_PKEY* signer) {
  TRIB_TRY(signed_text, sign(certificate, signer));
  TRIB_TRY(key_text, text_of_key(key));
  return PemPair{signed_text, key_text};
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

struct Extension {
  int id;
  std::string value;
};

Status add_extensions(X509* certificate, X509* issuer, const std::vector<Extension>& extensions) {
  for (const auto& [id, value] : extensions) {
    if (!add_extension(certificate, issuer, id, value))
      return openssl_failed(std::string("extension ") + OBJ_nid2sn(id) + " " + value);
  }
  return {};
}

}  // namespace

Result<int> days_left(const std::string& certificate) {
  const Certificate read = read_certificate(certificate);
  int days = 0, seconds = 0;
  if (!read || ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(read.get())) != 1)
    return openssl_failed("the certificate cannot be read");
  return days;
}

Result<Validity> validity_of(const std::string& certificate) {
  const Certificate read = read_certificate(certificate);
  if (!read) return openssl_failed("the certificate cannot be read");
  return Validity{unix_seconds(X509_get0_notBefore(read.get())),
                  unix_seconds(X509_get0_notAfter(read.get()))};
}

bool is_signed_by(const std::string& certificate, const std::string& ca) {
  const Certificate party = read_certificate(certificate), issuer = read_certificate(ca);
  const bool is_signed =
      party && issuer && X509_verify(party.get(), X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  return is_signed;
}

Result<PemPair> make_ca(const std::string& federation, KeyKind kind, int days) {
  const Key key = make_key(kind);
  if (!key) return openssl_failed("making a key");
  const Certificate certificate = blank(key.get(), days);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  add_name(name, "O", federation);
  add_name(name, "CN", federation + " root");
  X509_set_issuer_name(certificate.get(), name);
  TRIB_CHECK_OK(add_extensions(certificate.get(), certificate.get(),
                               {{NID_basic_constraints, "critical,CA:TRUE,pathlen:1"},
                                {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                {NID_subject_key_identifier, "hash"}}));
  return sign_with_key(certificate.get(), key.get(), key.get());
}

Result<PemPair> make_issuing_ca(const PemPair& root, std::string_view unit, KeyKind kind,
                                int days) {
  const Certificate issuer = read_certificate(root.certificate);
  const Key issuer_key = read_key(root.key);
  if (!issuer || !issuer_key) return openssl_failed("the root's certificate or key cannot be read");
  const Key key = make_key(kind);
  if (!key) return openssl_failed("making a key");
  const Certificate certificate = blank(key.get(), days);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  add_name(name, "OU", std::string(unit));
  add_name(
      name, "CN",
      common_name(X509_get_subject_name(issuer.get())) + ", issuing CA for " + std::string(unit));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  TRIB_CHECK_OK(add_extensions(certificate.get(), issuer.get(),
                               {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                {NID_subject_key_identifier, "hash"},
                                {NID_authority_key_identifier, "keyid"}}));
  return sign_with_key(certificate.get(), key.get(), issuer_key.get());
}

namespace {

// Of any key: the certificate, then that of the issuing CA.
Result<std::string> certify_key(const PemPair& ca, EVP_PKEY* key,
                                const CertificateRequest& request) {
  const Certificate issuer = read_certificate(ca.certificate);
  const Key issuer_key = read_key(ca.key);
  if (!issuer || !issuer_key) return openssl_failed("the CA's certificate or key cannot be read");
  const Certificate certificate = blank(key, request.days, request.age_days);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  add_name(name, "OU", request.role);
  add_name(name, "CN", request.name);
  X509_NAME* issuer_name = X509_get_subject_name(issuer.get());
  X509_set_issuer_name(certificate.get(), issuer_name);
  std::string names = "DNS:" + request.name;
  for (const std::string& host : request.hosts)
    names += (is_address(host) ? ",IP:" : ",DNS:") + host;
  if (const Status added = add_extensions(certificate.get(), issuer.get(),
                                          {{NID_basic_constraints, "critical,CA:FALSE"},
                                           {NID_key_usage, "critical,digitalSignature"},
                                           {NID_ext_key_usage, "serverAuth,clientAuth"},
                                           {NID_subject_key_identifier, "hash"},
                                           {NID_authority_key_identifier, "keyid"},
                                           {NID_subject_alt_name, names}});
      !added) {
    return Error(added.error()).with_context("the certificate for " + request.name);
  }
  TRIB_TRY(text, sign(certificate.get(), issuer_key.get()));
  const bool by_root = X509_NAME_cmp(issuer_name, X509_get_issuer_name(issuer.get())) == 0;
  return by_root ? text : text + ca.certificate;
}

}  // namespace

Result<PemPair> issue_certificate(const PemPair& ca, const CertificateRequest& request) {
  const Key key = make_key(request.kind);
  if (!key) return openssl_failed("making a key");
  TRIB_TRY(certificates, certify_key(ca, key.get(), request));
  TRIB_TRY(key_text, text_of_key(key.get()));
  return PemPair{certificates, key_text};
}

Result<std::string> certify(const PemPair& ca, const std::string& signing_request,
                            const CertificateRequest& as) {
  TRIB_TRY(read, read_signing_request(signing_request));
  if (read.name != as.name) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the signing request is for '" + read.name + "', not for '" + as.name + "'");
  }
  const Request request = read_request(signing_request);
  return certify_key(ca, X509_REQ_get0_pubkey(request.get()), as);
}

}  // namespace tributary
