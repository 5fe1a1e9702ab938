// SPDX-License-Identifier: Apache-2.0
#include "common/transport/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "common/base/bytes.h"

namespace tributary {
namespace {

constexpr std::size_t kReadBuffer = 4 * (16u << 10) + 512;  // with what a record has around it
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

// That the file can be read and holds what it should: OpenSSL's own words for either are riddles.
Status check_pem(const std::string& what, const std::string& path, const std::string& other) {
  std::string text;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  bool read = file != nullptr;
  if (read) {
    std::array<char, 4096> part;
    while (const std::size_t size = std::fread(part.data(), 1, part.size(), file))
      text.append(part.data(), size);
    read = std::ferror(file) == 0;
  }
  const int system_errno = errno;
  if (file != nullptr) std::fclose(file);
  const auto wrong = [&](const std::string& why) {
    return make_error(ErrorCode::kInvalidArgument, what + " " + path + why);
  };
  if (!read) return wrong(std::string(": ") + std::strerror(system_errno));
  const bool certificate = text.find("CERTIFICATE-----") != std::string::npos;
  const bool key = text.find("PRIVATE KEY-----") != std::string::npos;
  if (what == "key" ? key : certificate) return {};
  if (!certificate && !key) return wrong(" holds nothing in PEM format");
  return wrong(std::string(" is a ") + (key ? "private key" : "certificate") +
               "; is it in the place of " + other + "?");
}

// Whether our own certificate is one that our peers accept. Its times are looked at elsewhere.
bool is_signed_by_ca(SSL_CTX* context) {
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context, &chain);
  X509_STORE_CTX* check = X509_STORE_CTX_new();
  bool is_signed = X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context),
                                       SSL_CTX_get0_certificate(context), chain) == 1;
  if (is_signed) {
    X509_STORE_CTX_set_flags(check, X509_V_FLAG_NO_CHECK_TIME);
    is_signed = X509_verify_cert(check) == 1;
  }
  X509_STORE_CTX_free(check);
  ERR_clear_error();
  return is_signed;
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

}  // namespace

bool kernel_offers_tls(const std::string& list) {
  std::ifstream in(list);
  const std::istream_iterator<std::string> names(in), end;
  return std::find(names, end, "tls") != end;
}

Result<std::shared_ptr<TlsContext>> TlsContext::load(const TlsFiles& files, Side side) {
  TRIB_CHECK_OK(check_pem("certificate", files.certificate, "the key"));
  TRIB_CHECK_OK(check_pem("key", files.key, "the certificate"));
  TRIB_CHECK_OK(check_pem("CA certificate", files.ca, "the key"));
  // OpenSSL writes with write(2): a peer that has gone would end the process.
  ::signal(SIGPIPE, SIG_IGN);
  ERR_clear_error();
  SSL_CTX* raw = SSL_CTX_new(side == Side::kServer ? TLS_server_method() : TLS_client_method());
  std::shared_ptr<TlsContext> context(new TlsContext(raw, side));
  SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  if (kernel_offers_tls()) SSL_CTX_set_options(raw, SSL_OP_ENABLE_KTLS);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  // One read takes what the socket has, up to four records, instead of two reads for each; the
  // buffer is given back when it is empty.
  SSL_CTX_set_read_ahead(raw, 1);
  SSL_CTX_set_default_read_buffer_len(raw, kReadBuffer);
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
  Result<PeerIdentity> identity = identity_of(own);
  if (!identity) {
    return make_error(ErrorCode::kInvalidArgument,
                      "certificate " + files.certificate + ": " + identity.error().message);
  }
  context->own_ = *std::move(identity);
  if (side == Side::kServer) {
    SSL_CTX_set_alpn_select_cb(raw, &choose_alpn, nullptr);
  } else {
    SSL_CTX_set_alpn_protos(raw, kAlpn.data(), kAlpn.size());
  }
  return context;
}

Result<std::shared_ptr<TlsContext>> TlsContext::load_as(PeerRole role, const TlsFiles& files) {
  TRIB_TRY(context, load(files, role == PeerRole::kCoordinator ? Side::kServer : Side::kClient));
  const auto wrong = [&](const std::string& why) {
    return make_error(ErrorCode::kInvalidArgument, "certificate " + files.certificate + why);
  };
  const PeerRole own = context->own().role;
  // An evaluator is a client like a site, and its certificate says that it is no site of a round.
  if (own != role && !(role == PeerRole::kSite && own == PeerRole::kEvaluator)) {
    return wrong(" has the role " + peer_role_name(own) + ", not " + peer_role_name(role));
  }
  if (!is_signed_by_ca(context->context_)) return wrong(" is not signed by CA " + files.ca);
  return context;
}

std::int64_t TlsContext::days_left() const {
  int days = 0, seconds = 0;
  ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(SSL_CTX_get0_certificate(context_)));
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
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "its certificate is for another name than the one dialled; set server_name to the "
             "name "
             "in it, or issue the coordinator's certificate with --host and what is dialled";
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
