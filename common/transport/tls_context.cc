// SPDX-License-Identifier: Apache-2.0
#include "common/transport/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>

#include <array>
#include <cstring>

#include "common/base/bytes.h"
#include "common/base/ids.h"

namespace tributary {
namespace {

constexpr std::array<unsigned char, 12> kAlpn = {11,  't', 'r', 'i', 'b', 'u',
                                                 't', 'a', 'r', 'y', '/', '1'};

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown reason" : reason;
}

Error file_error(const std::string& what, const std::string& path) {
  return make_error(ErrorCode::kInvalidArgument, what + " " + path + ": " + openssl_reason());
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kAlpn.data(), kAlpn.size(), in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::optional<PeerRole> role_of(X509* certificate) {
  std::array<char, 64> text{};
  X509_NAME* subject = X509_get_subject_name(certificate);
  if (X509_NAME_get_text_by_NID(subject, NID_organizationalUnitName, text.data(), text.size()) <= 0)
    return std::nullopt;
  for (const PeerRole role : {PeerRole::kSite, PeerRole::kCoordinator, PeerRole::kOperator}) {
    if (peer_role_name(role) == text.data()) return role;
  }
  return std::nullopt;
}

// The first DNS name; a certificate of ours has the identity first.
std::string dns_name_of(X509* certificate) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string found;
  for (int i = 0; found.empty() && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    found.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                 static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  GENERAL_NAMES_free(names);
  return found;
}

Result<PeerIdentity> identity_of(X509* certificate) {
  const auto wrong = [](const std::string& what) {
    return make_error(ErrorCode::kUnauthenticated, what);
  };
  PeerIdentity identity;
  identity.name = dns_name_of(certificate);
  if (!is_valid_name(identity.name))
    return wrong("the certificate has no DNS name that is a valid name");
  const auto role = role_of(certificate);
  if (!role) return wrong("the certificate's OU is none of site, coordinator, operator");
  identity.role = *role;
  std::array<unsigned char, 32> digest{};
  X509_digest(certificate, EVP_sha256(), digest.data(), nullptr);
  identity.fingerprint = to_hex(std::as_bytes(std::span(digest)));
  return identity;
}

}  // namespace

std::string peer_role_name(PeerRole role) {
  switch (role) {
    case PeerRole::kSite:
      return "site";
    case PeerRole::kCoordinator:
      return "coordinator";
    case PeerRole::kOperator:
      return "operator";
  }
  return "";
}

Result<std::shared_ptr<TlsContext>> TlsContext::load(const TlsFiles& files, Side side) {
  // OpenSSL writes with write(2): a peer that has gone would end the process.
  ::signal(SIGPIPE, SIG_IGN);
  ERR_clear_error();
  SSL_CTX* raw = SSL_CTX_new(side == Side::kServer ? TLS_server_method() : TLS_client_method());
  std::shared_ptr<TlsContext> context(new TlsContext(raw, side));
  SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1) {
    return file_error("certificate", files.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH) {
      return file_error("key", files.key);
    }
    return make_error(ErrorCode::kInvalidArgument,
                      "key " + files.key + " does not belong to certificate " + files.certificate);
  }
  if (SSL_CTX_load_verify_locations(raw, files.ca.c_str(), nullptr) != 1)
    return file_error("CA certificate", files.ca);
  X509* own = SSL_CTX_get0_certificate(raw);
  if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "certificate " + files.certificate +
                          " has expired; issue a new one (tributaryctl pki issue)");
  }
  TRIB_TRY(identity, identity_of(own));
  context->own_ = std::move(identity);
  if (side == Side::kServer) {
    SSL_CTX_set_alpn_select_cb(raw, &choose_alpn, nullptr);
  } else {
    SSL_CTX_set_alpn_protos(raw, kAlpn.data(), kAlpn.size());
  }
  return context;
}

Result<std::shared_ptr<TlsContext>> TlsContext::load_as(PeerRole role, const TlsFiles& files) {
  TRIB_TRY(context, load(files, role == PeerRole::kCoordinator ? Side::kServer : Side::kClient));
  if (context->own().role == role) return context;
  return make_error(ErrorCode::kInvalidArgument,
                    "certificate " + files.certificate + " has the role " +
                        peer_role_name(context->own().role) + ", not " + peer_role_name(role));
}

std::int64_t TlsContext::days_left() const {
  int days = 0, seconds = 0;
  ASN1_TIME_diff(&days, &seconds, nullptr,
                 X509_get0_notAfter(SSL_CTX_get0_certificate(context_)));
  return days;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<ssl_st*> TlsContext::new_connection(int socket, const std::string& server_name) const {
  SSL* connection = SSL_new(context_);
  if (connection == nullptr || SSL_set_fd(connection, socket) != 1) {
    SSL_free(connection);
    return make_error(ErrorCode::kResourceExhausted,
                      "no TLS connection object: " + openssl_reason());
  }
  if (side_ == Side::kServer) {
    SSL_set_accept_state(connection);
    return connection;
  }
  SSL_set_connect_state(connection);
  // The macro SSL_set_tlsext_host_name, without its old-style cast.
  SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>(server_name.c_str()));
  SSL_set1_host(connection, server_name.c_str());
  return connection;
}

Result<PeerIdentity> identify_peer(ssl_st* connection) {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(connection, &protocol, &size);
  if (size + 1 != kAlpn.size() || std::memcmp(protocol, kAlpn.data() + 1, size) != 0) {
    return make_error(ErrorCode::kUnauthenticated, "the peer does not speak tributary/1 (ALPN)");
  }
  X509* certificate = SSL_get0_peer_certificate(connection);
  if (certificate == nullptr)
    return make_error(ErrorCode::kUnauthenticated, "the peer showed no certificate");
  return identity_of(certificate);
}

std::string handshake_failure(ssl_st* connection) {
  const long verified = SSL_get_verify_result(connection);
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  ERR_clear_error();
  switch (verified) {
    case X509_V_OK:
      break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not valid yet; compare the clocks";
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return "its certificate is for another name than the one dialled; set server_name";
    default:
      return std::string("its certificate is not from our CA (") +
             X509_verify_cert_error_string(verified) + ")";
  }
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
      return "it does not speak tributary/1 (ALPN)";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "it says that our certificate has expired";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "it says that our certificate is not from its CA";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return "it wants a certificate from us";
    default:
      break;
  }
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "it closed the connection during the TLS handshake"
                         : std::string("TLS: ") + text;
}

}  // namespace tributary
