// SPDX-License-Identifier: Apache-2.0
// TlsContext: our certificate, key and trusted root, for TLS 1.3 (RFC 8446) with both sides
// authenticated, and the lists of revoked certificates. Made once from files, and made anew where
// those change; thread-safe afterwards. No sockets. Whom it lets in is peer_check's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/crypto/identity.h"
#include "common/domain/tls_files.h"

struct ssl_ctx_st;
struct ssl_st;

namespace tributary {

// Whether the kernel offers to encrypt what a TLS connection sends (Linux's module "tls"), by its
// list of such protocols. Contexts use it where it does: whoever does not want that does not load
// the module. OpenSSL 3.0 decrypts itself in any case, with TLS 1.3.
bool kernel_offers_tls(const std::string& list = "/proc/sys/net/ipv4/tcp_available_ulp");

class TlsContext {
 public:
  enum class Side { kServer, kClient };

  // Errors name the file and what is wrong with it, among them: an expired certificate of ours, a
  // key that others than its user can reach, a list of revoked certificates that has ended.
  // Makes the process ignore SIGPIPE.
  static Result<std::shared_ptr<TlsContext>> load(const TlsFiles& files, Side side);
  // The same for a program that plays one role, whose certificate must say so and be signed by the
  // root; only a coordinator is a server.
  static Result<std::shared_ptr<TlsContext>> load_as(PeerRole role, const TlsFiles& files);
  // For a client without a certificate, who comes as a guest: of the files only ca and crl count.
  static Result<std::shared_ptr<TlsContext>> load_guest(const TlsFiles& files);
  // For a guest who knows no root yet: it believes anybody, and may only ask for the root, whose
  // hash is then compared with one that a person told.
  static Result<std::shared_ptr<TlsContext>> load_stranger();
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // A fresh connection object on a connected socket; a client expects `server_name` in the peer's
  // certificate.
  Result<ssl_st*> new_connection(int socket, const std::string& server_name) const;
  Side side() const { return side_; }
  const PeerIdentity& own() const { return own_; }
  std::int64_t days_left() const;                    // until our certificate ends
  const std::string& lists() const { return crl_; }  // of revoked certificates, PEM
  // Until the first of the lists of revoked certificates ends; none without such lists.
  std::optional<std::int64_t> crl_seconds_left() const;
  // Whether the peer of a connection, of this context or an earlier one, would still be let in.
  Status readmit(ssl_st* connection) const;
  // Of a server: whether guests are let in from now on. At first they are not.
  void admit_guests(bool admitted) { admits_guests_ = admitted; }
  bool admits_guests() const { return admits_guests_; }

 private:
  TlsContext(ssl_ctx_st* context, Side side) : context_(context), side_(side) {}
  Status trust(const TlsFiles& files);  // its ca and crl

  ssl_ctx_st* context_;
  Side side_;
  PeerIdentity own_;
  std::string crl_;  // PEM
  std::atomic<bool> admits_guests_{false};
};

// After the handshake; of a guest there is the role alone. kUnauthenticated where the certificate
// has no usable name or role, or ALPN was not agreed.
Result<PeerIdentity> identify_peer(ssl_st* connection);

}  // namespace tributary
