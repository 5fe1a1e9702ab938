// SPDX-License-Identifier: Apache-2.0
#include "common/transport/peer_check.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

#include "common/base/clock.h"
#include "common/crypto/identity.h"
#include "common/crypto/pem.h"

namespace tributary {
namespace {

std::string utc(const ASN1_TIME* time) { return format_utc(unix_seconds(time) * 1000); }

std::string utc_now() {
  ASN1_TIME* now = X509_gmtime_adj(nullptr, 0);
  std::string text = utc(now);
  ASN1_TIME_free(now);
  return text;
}

// "DNS:hub, IP Address:10.0.0.1": what a certificate may be dialled by.
std::string names_of(X509* certificate) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string all;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const Bio shown = memory_bio("");
    GENERAL_NAME_print(shown.get(), sk_GENERAL_NAME_value(names, i));
    all += (all.empty() ? "" : ", ") + text_of(shown);
  }
  GENERAL_NAMES_free(names);
  return all.empty() ? "no name" : all;
}

std::string dialled(X509_STORE_CTX* check) {
  X509_VERIFY_PARAM* asked = X509_STORE_CTX_get0_param(check);
  if (const char* host = X509_VERIFY_PARAM_get0_host(asked, 0)) return host;
  char* address = X509_VERIFY_PARAM_get1_ip_asc(asked);
  const std::string text = address == nullptr ? "" : address;
  OPENSSL_free(address);
  return text;
}

// The list that ended, by the CA whose certificate's turn it was.
std::string stale_list(X509_STORE_CTX* check, const std::string& ca) {
  const X509_CRL* list = X509_STORE_CTX_get0_current_crl(check);
  return "our list of revoked certificates (tls.crl) of the CA '" + ca + "' ended" +
         (list == nullptr ? "" : " at " + utc(X509_CRL_get0_nextUpdate(list))) +
         ", and nobody is let in without a fresh one: make it (tributaryctl pki crl), put it in "
         "its "
         "place, send SIGHUP";
}

// What is wrong with the certificate that is being looked at.
std::string fault_of(X509_STORE_CTX* check) {
  X509* certificate = X509_STORE_CTX_get_current_cert(check);
  const bool of_ca = X509_STORE_CTX_get_error_depth(check) > 0;
  const std::string its =
      of_ca ? "the certificate of its CA '" + common_name(X509_get_subject_name(certificate)) + "'"
            : "its certificate";
  const std::string ca = common_name(X509_get_issuer_name(certificate));
  const int error = X509_STORE_CTX_get_error(check);
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return its + " has expired at " + utc(X509_get0_notAfter(certificate)) +
             ", and the clock here says " + utc_now();
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return its + " is not valid before " + utc(X509_get0_notBefore(certificate)) +
             ", and the clock here says " + utc_now() +
             "; compare the clocks of both machines, and of the one that issued it";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return its + " is for another name than the one dialled: '" + dialled(check) +
             "' was dialled, and it says " + names_of(certificate) +
             "; set server_name to a name in it, or issue the coordinator's certificate with "
             "--host and what is dialled";
    case X509_V_ERR_CERT_REVOKED:
      return its + " was revoked by the CA '" + ca + "'";
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return stale_list(check, ca);
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return "our list of revoked certificates (tls.crl) of the CA '" + ca +
             "' is not valid yet; compare the clocks";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return "our list of revoked certificates (tls.crl) has none of the CA '" + ca +
             "', and nobody is let in without; put the lists of all CAs of the federation into one "
             "file (tributaryctl pki crl does)";
    default:
      return its + " is not from our CA (it was issued by '" + ca +
             "': " + X509_verify_cert_error_string(error) + ")";
  }
}

void free_fault(void*, void* fault, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::string*>(fault);
}

// Where a connection keeps what its check has found.
int fault_place() {
  static const int kPlace = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_fault);
  return kPlace;
}

void keep_fault(SSL* connection, std::string fault) {
  if (SSL_get_ex_data(connection, fault_place()) != nullptr) return;  // the first one counts
  auto kept = std::make_unique<std::string>(std::move(fault));
  if (SSL_set_ex_data(connection, fault_place(), kept.get()) == 1)
    static_cast<void>(kept.release());
}

// OpenSSL asks for each certificate of the chain, the peer's own last.
int judge(int fine, X509_STORE_CTX* check) {
  auto* connection =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(check, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (fine == 0) {
    keep_fault(connection, fault_of(check));
    return 0;
  }
  if (X509_STORE_CTX_get_error_depth(check) != 0) return 1;
  const Status vouched = check_issuers(X509_STORE_CTX_get0_chain(check));
  if (vouched) return 1;
  keep_fault(connection, vouched.error().message);
  X509_STORE_CTX_set_error(check, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

std::string failure_of_tls(int reason) {
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "it showed no certificate";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return "it does not speak TLS 1.3";
    case SSL_R_HTTP_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
      return "it does not speak TLS";
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
      return "it does not speak tributary/1 (ALPN), or takes no guests";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "it says that our certificate, or its own list of revoked ones, has expired";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      return "it says that our certificate was revoked";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
      return "it does not take our certificate; is it valid yet, by its clock? Its log says more";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "it says that our certificate is not from its CA";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return "it wants a certificate from us";
    default:
      return "";
  }
}

}  // namespace

void check_peers(SSL_CTX* context) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, &judge);
}

Status recheck_peer(SSL* connection, SSL_CTX* context) {
  const std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> check(X509_STORE_CTX_new(),
                                                                         &X509_STORE_CTX_free);
  X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context),
                      SSL_get0_peer_certificate(connection), SSL_get_peer_cert_chain(connection));
  // A live link is not ended by the clock: who comes anew is looked at anew.
  X509_STORE_CTX_set_flags(check.get(), X509_V_FLAG_NO_CHECK_TIME);
  const bool fine = X509_verify_cert(check.get()) == 1;
  ERR_clear_error();
  if (!fine) return make_error(ErrorCode::kUnauthenticated, fault_of(check.get()));
  return check_issuers(X509_STORE_CTX_get0_chain(check.get()));
}

std::string handshake_failure(SSL* connection) {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (const auto* fault =
          static_cast<const std::string*>(SSL_get_ex_data(connection, fault_place())))
    return *fault;
  if (std::string failure = failure_of_tls(ERR_GET_REASON(code)); !failure.empty()) return failure;
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "it closed the connection during the TLS handshake"
                         : std::string("TLS: ") + text;
}

}  // namespace tributary
