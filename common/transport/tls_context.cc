// SPDX-License-Identifier: Apache-2.0
#include "common/transport/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "common/base/bytes.h"
#include "common/crypto/pem.h"
#include "common/crypto/pki.h"
#include "common/crypto/private_key.h"
#include "common/transport/peer_check.h"

namespace tributary {
namespace {

constexpr std::size_t kReadBuffer = 4 * (16u << 10) + 512;  // with what a record has around it
// ALPN: each name after its length. Who comes as a guest says so before any certificate is due.
constexpr std::string_view kPeers = "\x0btributary/1";
constexpr std::string_view kGuests = "\x11tributary-guest/1";

bool spoken_is(SSL* connection, std::string_view protocol) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(connection, &name, &size);
  return size + 1 == protocol.size() && std::memcmp(name, protocol.data() + 1, size) == 0;
}

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown reason" : reason;
}

Error file_error(const std::string& what, const std::string& path) {
  return make_error(ErrorCode::kInvalidArgument, what + " " + path + ": " + openssl_reason());
}

Error wrong_file(const std::string& what, const std::string& path, const std::string& why) {
  return make_error(ErrorCode::kInvalidArgument, what + " " + path + why);
}

Status check_certificate(const std::string& what, const std::string& path) {
  const auto text = read_pem_file(what, path, PemContent::kCertificate, "the key");
  return text ? Status{} : text.error();
}

// From now on everybody's certificate, and each CA's, is looked up in the lists.
Result<std::string> use_lists(SSL_CTX* context, const std::string& path) {
  const std::string what = "list of revoked certificates";
  TRIB_TRY(text, read_text_file(what, path));
  const auto left = crl_seconds_left(text);
  if (!left)
    return wrong_file(what, path, ": " + left.error().message + "; tributaryctl pki crl makes it");
  if (*left <= 0) {
    return wrong_file(what, path,
                      " has ended, and nobody is let in without a fresh one; make it "
                      "(tributaryctl pki crl) and put it there");
  }
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const RevocationList& list : read_revocation_lists(text))
    X509_STORE_add_crl(store, list.get());
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return text;
}

// Whether our own certificate is one that our peers accept. Its times are looked at elsewhere.
Status check_own(SSL_CTX* context, const TlsFiles& files) {
  STACK_OF(X509)* others = nullptr;
  SSL_CTX_get0_chain_certs(context, &others);
  const std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> check(X509_STORE_CTX_new(),
                                                                         &X509_STORE_CTX_free);
  X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context),
                      SSL_CTX_get0_certificate(context), others);
  X509_STORE_CTX_set_flags(check.get(), X509_V_FLAG_NO_CHECK_TIME);
  const bool fine = X509_verify_cert(check.get()) == 1;
  ERR_clear_error();
  if (fine) {
    const Status vouched = check_issuers(X509_STORE_CTX_get0_chain(check.get()));
    return vouched ? Status{}
                   : wrong_file("certificate", files.certificate, ": " + vouched.error().message);
  }
  switch (X509_STORE_CTX_get_error(check.get())) {
    case X509_V_ERR_CERT_REVOKED:
      return wrong_file("certificate", files.certificate,
                        " was revoked (" + files.crl + "); ask for a new one");
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return wrong_file(
          "list of revoked certificates", files.crl,
          " has none of the CA that issued " + files.certificate + ", or none of the root");
    default:
      return wrong_file("certificate", files.certificate, " is not signed by CA " + files.ca);
  }
}

bool offers(std::string_view protocol, const unsigned char* in, unsigned in_size,
            const unsigned char** out, unsigned char* out_size) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(
          &chosen, out_size, reinterpret_cast<const unsigned char*>(protocol.data()),
          static_cast<unsigned>(protocol.size()), in, in_size) != OPENSSL_NPN_NEGOTIATED) {
    return false;
  }
  *out = chosen;
  return true;
}

// Comes before the server would ask for a certificate, so a guest is not asked for one.
int choose_alpn(SSL* connection, const unsigned char** out, unsigned char* out_size,
                const unsigned char* in, unsigned in_size, void* context) {
  if (offers(kPeers, in, in_size, out, out_size)) {
    // A second hello, after the first was not to our liking, may say something else than that.
    SSL_set_verify(connection, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return SSL_TLSEXT_ERR_OK;
  }
  if (!static_cast<const TlsContext*>(context)->admits_guests() ||
      !offers(kGuests, in, in_size, out, out_size)) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  SSL_set_verify(connection, SSL_VERIFY_NONE, nullptr);
  return SSL_TLSEXT_ERR_OK;
}

void offer_alpn(SSL_CTX* context, std::string_view protocol) {
  SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(protocol.data()),
                          static_cast<unsigned>(protocol.size()));
}

SSL_CTX* new_context(TlsContext::Side side) {
  // OpenSSL writes with write(2): a peer that has gone would end the process.
  ::signal(SIGPIPE, SIG_IGN);
  ERR_clear_error();
  SSL_CTX* raw =
      SSL_CTX_new(side == TlsContext::Side::kServer ? TLS_server_method() : TLS_client_method());
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
  check_peers(raw);
  return raw;
}

}  // namespace

bool kernel_offers_tls(const std::string& list) {
  std::ifstream in(list);
  const std::istream_iterator<std::string> names(in), end;
  return std::find(names, end, "tls") != end;
}

Result<std::shared_ptr<TlsContext>> TlsContext::load(const TlsFiles& files, Side side) {
  TRIB_CHECK_OK(check_certificate("certificate", files.certificate));
  TRIB_CHECK_OK(check_certificate("CA certificate", files.ca));
  TRIB_TRY(key, load_private_key(files.key));
  SSL_CTX* raw = new_context(side);
  std::shared_ptr<TlsContext> context(new TlsContext(raw, side));
  if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1) {
    return file_error("certificate", files.certificate);
  }
  const std::string key_name = shown_key(files.key);
  if (SSL_CTX_use_PrivateKey(raw, key.get()) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH) {
      return file_error("key", key_name);
    }
    return make_error(ErrorCode::kInvalidArgument,
                      "key " + key_name + " does not belong to certificate " + files.certificate);
  }
  TRIB_CHECK_OK(context->trust(files));
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
    SSL_CTX_set_alpn_select_cb(raw, &choose_alpn, context.get());
  } else {
    offer_alpn(raw, kPeers);
  }
  return context;
}

Status TlsContext::trust(const TlsFiles& files) {
  if (SSL_CTX_load_verify_locations(context_, files.ca.c_str(), nullptr) != 1)
    return file_error("CA certificate", files.ca);
  if (files.crl.empty()) return {};
  TRIB_TRY(lists, use_lists(context_, files.crl));
  crl_ = std::move(lists);
  return {};
}

Result<std::shared_ptr<TlsContext>> TlsContext::load_guest(const TlsFiles& files) {
  SSL_CTX* raw = new_context(Side::kClient);
  std::shared_ptr<TlsContext> context(new TlsContext(raw, Side::kClient));
  context->own_.role = PeerRole::kGuest;
  offer_alpn(raw, kGuests);
  TRIB_CHECK_OK(check_certificate("CA certificate", files.ca));
  TRIB_CHECK_OK(context->trust(files));
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
  TRIB_CHECK_OK(check_own(context->context_, files));
  return context;
}

std::int64_t TlsContext::days_left() const {
  int days = 0, seconds = 0;
  ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(SSL_CTX_get0_certificate(context_)));
  return days;
}

std::optional<std::int64_t> TlsContext::crl_seconds_left() const {
  if (crl_.empty()) return std::nullopt;
  return tributary::crl_seconds_left(crl_).value();
}

Result<std::shared_ptr<TlsContext>> TlsContext::load_stranger() {
  SSL_CTX* raw = new_context(Side::kClient);
  std::shared_ptr<TlsContext> context(new TlsContext(raw, Side::kClient));
  context->own_.role = PeerRole::kGuest;
  offer_alpn(raw, kGuests);
  SSL_CTX_set_verify(raw, SSL_VERIFY_NONE, nullptr);
  return context;
}

Status TlsContext::readmit(ssl_st* connection) const {
  if (side_ == Side::kServer && spoken_is(connection, kGuests)) return {};  // it was never let in
  return recheck_peer(connection, context_);
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
  const bool with_guest = spoken_is(connection, kGuests);
  if (with_guest && SSL_is_server(connection) == 1) return PeerIdentity{"", PeerRole::kGuest, ""};
  if (!with_guest && !spoken_is(connection, kPeers))
    return make_error(ErrorCode::kUnauthenticated, "the peer does not speak tributary/1 (ALPN)");
  X509* certificate = SSL_get0_peer_certificate(connection);
  if (certificate == nullptr)
    return make_error(ErrorCode::kUnauthenticated, "the peer showed no certificate");
  return identity_of(certificate);
}

}  // namespace tributary
