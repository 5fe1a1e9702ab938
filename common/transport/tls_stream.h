// SPDX-License-Identifier: Apache-2.0
// TlsStream: OpenSSL on a non-blocking socket, waiting through Asio. One owner, everything on its
// io_context's one thread; at most one read and one write under way. After any failure it can only
// be closed. It knows no frames.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/transport/tls_context.h"

namespace tributary {

namespace asio = boost::asio;
using Socket = asio::ip::tcp::socket;

class TlsStream {
 public:
  // `socket` is connected. The context outlives the stream's making only.
  static Result<std::unique_ptr<TlsStream>> make(Socket socket, const TlsContext& context,
                                                 const std::string& server_name);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  asio::awaitable<Result<PeerIdentity>> handshake();
  // At least one byte; kUnavailable at the end of the stream.
  asio::awaitable<Result<std::size_t>> read_some(MutableByteView into);
  asio::awaitable<Status> write(ByteView bytes);
  // Whether the peer, which was let in by the context of its time, would be by this one.
  Status readmit(const TlsContext& context) const;
  // Wakes whatever waits; each fails with kCancelled. Safe to call twice.
  void close();

  Socket::executor_type executor() { return socket_.get_executor(); }
  const std::string& address() const { return address_; }
  const asio::ip::address& host() const { return host_; }

 private:
  explicit TlsStream(Socket socket) : socket_(std::move(socket)) {}
  // Waits for what OpenSSL asked for; or the error that ends the stream.
  asio::awaitable<Status> wait(int ssl_error, int system_errno);

  Socket socket_;
  ssl_st* connection_ = nullptr;
  asio::ip::address host_;  // of the peer
  std::string address_;     // the same with its port, as text
  bool closed_ = false;
};

}  // namespace tributary
