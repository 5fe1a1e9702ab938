// SPDX-License-Identifier: Apache-2.0
#include "common/transport/dialer.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "common/base/limits.h"
#include "common/transport/handshake.h"

namespace tributary {
namespace {

constexpr std::chrono::milliseconds kLimit{limits::kHandshakeMs};

asio::awaitable<Result<Socket>> connect(DialTarget target) {
  const auto executor = co_await asio::this_coro::executor;
  const std::string place = target.host + ":" + std::to_string(target.port);
  const std::string service = std::to_string(target.port);
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  asio::ip::tcp::resolver resolver(executor);
  Socket socket(executor);
  const auto give_up = [&socket, &resolver] {
    boost::system::error_code ignored;
    resolver.cancel();
    socket.close(ignored);
  };
  const Deadline limit(executor, kLimit, give_up);
  const auto found = co_await resolver.async_resolve(target.host, service, token);
  if (limit.passed())
    co_return make_error(ErrorCode::kUnavailable, "resolve " + target.host + ": no answer");
  if (error)
    co_return make_error(ErrorCode::kUnavailable,
                         "resolve " + target.host + ": " + error.message());
  co_await asio::async_connect(socket, found, token);
  if (limit.passed())
    co_return make_error(ErrorCode::kUnavailable, "connect to " + place + ": no answer");
  if (error)
    co_return make_error(ErrorCode::kUnavailable, "connect to " + place + ": " + error.message());
  co_return std::move(socket);
}

}  // namespace

asio::awaitable<Result<Dialed>> dial(DialTarget target, std::shared_ptr<TlsContext> context,
                                     Hello hello, TrustsPeer trusts) {
  Result<Socket> socket = co_await connect(target);
  if (!socket) co_return std::move(socket).error();
  Result<std::unique_ptr<TlsStream>> made =
      TlsStream::make(*std::move(socket), *context, target.server_name);
  if (!made) co_return std::move(made).error();
  std::unique_ptr<TlsStream> stream = *std::move(made);
  TlsStream* raw = stream.get();
  const auto give_up = [raw] { raw->close(); };
  std::optional<Deadline> limit;
  limit.emplace(stream->executor(), kLimit, give_up);
  Result<PeerIdentity> peer = co_await stream->handshake();
  limit.reset();
  if (!peer) co_return std::move(peer).error().with_context("the coordinator's side");
  if (peer->role != PeerRole::kCoordinator) {
    co_return make_error(ErrorCode::kUnauthenticated,
                         "the peer's certificate is not that of a coordinator");
  }
  PeerIdentity identity = *std::move(peer);
  if (trusts) {
    const Status trusted = trusts(identity);
    if (!trusted) co_return trusted.error();
  }
  const std::shared_ptr<FrameLink> link = FrameLink::start(std::move(stream), std::move(identity));
  const Result<HelloAnswer> answer = co_await offer_hello(link, hello);
  if (!answer) {
    link->close(answer.error());
    co_return answer.error();
  }
  if (const auto* goodbye = std::get_if<Goodbye>(&*answer)) {
    link->close(make_error(ErrorCode::kCancelled, "sent away"));
    co_return Dialed(*goodbye);
  }
  co_return Dialed(DialedLink{link, std::get<Welcome>(*answer)});
}

}  // namespace tributary
