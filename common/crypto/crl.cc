// SPDX-License-Identifier: Apache-2.0
// Lists of revoked certificates (RFC 5280, section 5).
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <optional>

#include "common/crypto/pem.h"
#include "common/crypto/pki.h"

namespace tributary {
namespace {

constexpr long kHour = 3600;

using Revoked = std::unique_ptr<X509_REVOKED, void (*)(X509_REVOKED*)>;

// The list takes it over.
void add(X509_CRL* list, Revoked entry) { X509_CRL_add0_revoked(list, entry.release()); }

Revoked revoked_now(const X509* certificate) {
  Revoked entry(X509_REVOKED_new(), &X509_REVOKED_free);
  X509_REVOKED_set_serialNumber(entry.get(),
                                const_cast<ASN1_INTEGER*>(X509_get0_serialNumber(certificate)));
  ASN1_TIME* now = X509_gmtime_adj(nullptr, 0);
  X509_REVOKED_set_revocationDate(entry.get(), now);
  ASN1_TIME_free(now);
  return entry;
}

long number_of(X509_CRL* list) {
  auto* told =
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, nullptr, nullptr));
  const long number = told == nullptr ? 0 : ASN1_INTEGER_get(told);
  ASN1_INTEGER_free(told);
  return number;
}

// What the CA's last list held, into `list`; its number.
long carry_over(const std::string& before, X509* ca, X509_CRL* list) {
  long number = 0;
  for (const RevocationList& old : read_revocation_lists(before)) {
    if (!is_list_of(old.get(), ca)) continue;
    number = std::max(number, number_of(old.get()));
    STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(old.get());
    for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i)
      add(list, Revoked(X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i)), &X509_REVOKED_free));
  }
  return number;
}

void set_times(X509_CRL* list, std::int64_t seconds) {
  ASN1_TIME* begin = X509_gmtime_adj(nullptr, std::min<std::int64_t>(0, seconds) - kHour);
  ASN1_TIME* end = X509_gmtime_adj(nullptr, seconds);
  X509_CRL_set1_lastUpdate(list, begin);
  X509_CRL_set1_nextUpdate(list, end);
  ASN1_TIME_free(begin);
  ASN1_TIME_free(end);
}

void set_number(X509_CRL* list, long number) {
  ASN1_INTEGER* written = ASN1_INTEGER_new();
  ASN1_INTEGER_set(written, number);
  X509_CRL_add1_ext_i2d(list, NID_crl_number, written, 0, 0);
  ASN1_INTEGER_free(written);
}

}  // namespace

Result<std::string> make_crl(const PemPair& ca, const std::string& before,
                             const std::vector<std::string>& revoked, std::int64_t seconds) {
  const Certificate issuer = read_certificate(ca.certificate);
  const Key key = read_key(ca.key);
  if (!issuer || !key) return openssl_failed("the CA's certificate or key cannot be read");
  const RevocationList list(X509_CRL_new(), &X509_CRL_free);
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.get()));
  set_times(list.get(), seconds);
  set_number(list.get(), carry_over(before, issuer.get(), list.get()) + 1);
  for (const std::string& text : revoked) {
    if (!is_signed_by(text, ca.certificate)) continue;
    const Certificate certificate = read_certificate(text);
    X509_REVOKED* known = nullptr;
    if (X509_CRL_get0_by_cert(list.get(), &known, certificate.get()) == 0)
      add(list.get(), revoked_now(certificate.get()));
  }
  X509_CRL_sort(list.get());
  const Bio text = memory_bio("");
  if (X509_CRL_sign(list.get(), key.get(), digest_for(key.get())) == 0 ||
      PEM_write_bio_X509_CRL(text.get(), list.get()) != 1)
    return openssl_failed("signing the list of revoked certificates");
  return text_of(text);
}

Result<std::string> crl_of(const std::string& ca, const std::string& lists) {
  const Certificate issuer = read_certificate(ca);
  if (!issuer) return openssl_failed("the CA's certificate cannot be read");
  const Bio text = memory_bio("");
  for (const RevocationList& list : read_revocation_lists(lists)) {
    if (!is_list_of(list.get(), issuer.get())) continue;
    PEM_write_bio_X509_CRL(text.get(), list.get());
    return text_of(text);
  }
  return make_error(ErrorCode::kNotFound, "there is no list of revoked certificates of the CA '" +
                                              common_name(X509_get_subject_name(issuer.get())) +
                                              "', and its key is not here to make one");
}

Result<std::int64_t> crl_seconds_left(const std::string& lists) {
  std::optional<std::int64_t> least;
  for (const RevocationList& list : read_revocation_lists(lists)) {
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, nullptr, X509_CRL_get0_nextUpdate(list.get())) != 1)
      return make_error(ErrorCode::kInvalidArgument, "a list of revoked certificates has no end");
    const std::int64_t left = std::int64_t{days} * 24 * kHour + seconds;
    least = std::min(left, least.value_or(left));
  }
  if (least) return *least;
  return make_error(ErrorCode::kInvalidArgument, "it holds no list of revoked certificates");
}

bool supersedes(const std::string& lists, const std::string& before) {
  const auto now = read_revocation_lists(lists), then = read_revocation_lists(before);
  if (now.empty()) return false;
  if (!then.empty() && now.size() != then.size()) return false;
  bool newer = then.empty();
  for (const RevocationList& old : then) {
    const auto its = std::ranges::find_if(now, [&](const RevocationList& one) {
      return X509_NAME_cmp(X509_CRL_get_issuer(one.get()), X509_CRL_get_issuer(old.get())) == 0;
    });
    if (its == now.end() || number_of(its->get()) < number_of(old.get())) return false;
    newer = newer || number_of(its->get()) > number_of(old.get());
  }
  return newer;
}

}  // namespace tributary
