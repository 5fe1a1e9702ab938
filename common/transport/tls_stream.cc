// SPDX-License-Identifier: Apache-2.0
#include "common/transport/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "common/transport/peer_check.h"

namespace tributary {
namespace {

std::string describe(const asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" +
         std::to_string(endpoint.port());
}

}  // namespace

Result<std::unique_ptr<TlsStream>> TlsStream::make(Socket socket, const TlsContext& context,
                                                   const std::string& server_name) {
  std::unique_ptr<TlsStream> stream(new TlsStream(std::move(socket)));
  boost::system::error_code error;
  const auto endpoint = stream->socket_.remote_endpoint(error);
  stream->host_ = endpoint.address();
  stream->address_ = error ? "unknown address" : describe(endpoint);
  stream->socket_.non_blocking(true, error);
  if (!error) stream->socket_.set_option(asio::ip::tcp::no_delay(true), error);
  if (error) return make_error(ErrorCode::kUnavailable, "socket: " + error.message());
  TRIB_TRY(connection, context.new_connection(stream->socket_.native_handle(), server_name));
  stream->connection_ = connection;
  return stream;
}

TlsStream::~TlsStream() {
  close();
  SSL_free(connection_);
}

Status TlsStream::readmit(const TlsContext& context) const { return context.readmit(connection_); }

void TlsStream::close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

asio::awaitable<Status> TlsStream::wait(int ssl_error, int system_errno) {
  if (closed_) co_return make_error(ErrorCode::kCancelled, "the link was closed");
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  switch (ssl_error) {
    case SSL_ERROR_WANT_READ:
      co_await socket_.async_wait(Socket::wait_read, token);
      break;
    case SSL_ERROR_WANT_WRITE:
      co_await socket_.async_wait(Socket::wait_write, token);
      break;
    case SSL_ERROR_ZERO_RETURN:
      co_return make_error(ErrorCode::kUnavailable, "the peer closed the link");
    case SSL_ERROR_SYSCALL:
      if (system_errno == 0)
        co_return make_error(ErrorCode::kUnavailable, "the peer's connection ended");
      co_return make_error(ErrorCode::kUnavailable,
                           "the connection broke: " + std::string(std::strerror(system_errno)));
    default:
      co_return make_error(ErrorCode::kUnavailable,
                           "TLS failed: " + handshake_failure(connection_));
  }
  if (closed_) co_return make_error(ErrorCode::kCancelled, "the link was closed");
  if (error)
    co_return make_error(ErrorCode::kUnavailable, "the connection broke: " + error.message());
  co_return Status{};
}

asio::awaitable<Result<PeerIdentity>> TlsStream::handshake() {
  for (;;) {
    if (closed_) co_return make_error(ErrorCode::kDeadlineExceeded, "the handshake took too long");
    ERR_clear_error();
    errno = 0;
    const int done = SSL_do_handshake(connection_);
    const int system_errno = errno;
    if (done == 1) co_return identify_peer(connection_);
    const int code = SSL_get_error(connection_, done);
    if (code != SSL_ERROR_WANT_READ && code != SSL_ERROR_WANT_WRITE) {
      co_return make_error(ErrorCode::kUnauthenticated, handshake_failure(connection_));
    }
    const Status ready = co_await wait(code, system_errno);
    if (!ready) {
      if (ready.error().code != ErrorCode::kCancelled) co_return ready.error();
      co_return make_error(ErrorCode::kDeadlineExceeded, "the handshake took too long");
    }
  }
}

asio::awaitable<Result<std::size_t>> TlsStream::read_some(MutableByteView into) {
  for (;;) {
    if (closed_) co_return make_error(ErrorCode::kCancelled, "the link was closed");
    ERR_clear_error();
    errno = 0;
    std::size_t got = 0;
    const int done = SSL_read_ex(connection_, into.data(), into.size(), &got);
    const int system_errno = errno;
    if (done == 1) co_return got;
    const int code = SSL_get_error(connection_, done);
    const Status ready = co_await wait(code, system_errno);
    if (!ready) co_return ready.error();
  }
}

asio::awaitable<Status> TlsStream::write(ByteView bytes) {
  while (!bytes.empty()) {
    if (closed_) co_return make_error(ErrorCode::kCancelled, "the link was closed");
    ERR_clear_error();
    errno = 0;
    std::size_t put = 0;
    const int done = SSL_write_ex(connection_, bytes.data(), bytes.size(), &put);
    const int system_errno = errno;
    if (done == 1) {
      bytes = bytes.subspan(put);
      continue;
    }
    const int code = SSL_get_error(connection_, done);
    const Status ready = co_await wait(code, system_errno);
    if (!ready) co_return ready.error();
  }
  co_return Status{};
}

}  // namespace tributary
