// SPDX-License-Identifier: Apache-2.0
#include "common/transport/listener.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "common/base/limits.h"
#include "common/transport/handshake.h"
#include "common/transport/spawn.h"

namespace tributary {
namespace {

// After a refused accept (out of descriptors) the listener rests this long instead of spinning.
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

Result<std::shared_ptr<Listener>> Listener::open(asio::io_context& io, const std::string& host,
                                                 std::uint16_t port,
                                                 std::shared_ptr<TlsContext> context,
                                                 std::int64_t dials_per_address) {
  std::shared_ptr<Listener> listener(new Listener(io, std::move(context), dials_per_address));
  const std::string address = host + ":" + std::to_string(port);
  boost::system::error_code error;
  asio::ip::tcp::resolver resolver(io);
  const auto found =
      resolver.resolve(host, std::to_string(port), asio::ip::tcp::resolver::passive, error);
  if (error || found.empty())
    return make_error(ErrorCode::kInvalidArgument, "listen " + address + ": " + error.message());
  const auto endpoint = found.begin()->endpoint();
  auto& acceptor = listener->acceptor_;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    return make_error(ErrorCode::kUnavailable, "listen " + address + ": " + error.message());
  listener->port_ = acceptor.local_endpoint().port();
  return listener;
}

void Listener::start(OnLink on_link, OnRefused on_refused, OnDropped on_dropped) {
  on_link_ = std::move(on_link);
  on_refused_ = std::move(on_refused);
  on_dropped_ = std::move(on_dropped);
  const auto self = shared_from_this();
  spawn(acceptor_.get_executor(), accept_loop(self));
}

void Listener::remember(const std::shared_ptr<FrameLink>& link) {
  links_.push_back(link);
  if (links_.size() < sweep_at_) return;
  std::erase_if(links_, [](const auto& one) { return one.expired(); });
  sweep_at_ = 2 * links_.size() + 64;
}

void Listener::renew(std::shared_ptr<TlsContext> context) {
  context_ = std::move(context);
  for (const std::weak_ptr<FrameLink>& one : links_) {
    const std::shared_ptr<FrameLink> link = one.lock();
    if (!link) continue;
    const Status still = link->readmit(*context_);
    if (still) continue;
    const Error why = Error(still.error()).with_context("no longer let in");
    on_refused_(link->address(), why);
    link->close(why, limits::kRedialMs);
  }
}

void Listener::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

asio::awaitable<void> Listener::accept_loop(std::shared_ptr<Listener> self) {
  while (self->acceptor_.is_open()) {
    // Those who wait for their turn do so in the kernel's queue, where they cost nothing.
    if (self->handshakes_ >= limits::kHandshakesMax) {
      co_await self->pause();
      continue;
    }
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    Socket socket = co_await self->acceptor_.async_accept(token);
    if (!self->acceptor_.is_open()) break;
    if (error) {  // no file descriptors left, say
      co_await self->pause();
      continue;
    }
    const auto peer = socket.remote_endpoint(error);
    const asio::ip::address from = peer.address();
    if (error || !self->may_dial(from)) continue;  // it closes
    const auto executor = self->acceptor_.get_executor();
    spawn(executor, greet(self, std::move(socket), from));
  }
}

bool Listener::may_dial(const asio::ip::address& from) {
  if (limits_.admit(clock_.now(), from)) return true;
  if (on_dropped_) on_dropped_(from.to_string());
  return false;
}

asio::awaitable<void> Listener::pause() {
  pause_.expires_after(kAcceptPause);
  boost::system::error_code ignored;
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  co_await pause_.async_wait(token);
}

asio::awaitable<void> Listener::greet(std::shared_ptr<Listener> self, Socket socket,
                                      asio::ip::address from) {
  ++self->handshakes_;
  const std::string no_name;
  Result<std::unique_ptr<TlsStream>> stream =
      TlsStream::make(std::move(socket), *self->context_, no_name);
  if (stream) {
    std::unique_ptr<TlsStream> owned = *std::move(stream);
    co_await self->greet_stream(std::move(owned));
  } else {
    self->on_refused_("unknown address", stream.error());
  }
  --self->handshakes_;
  self->limits_.greeted(from);
}

asio::awaitable<void> Listener::greet_stream(std::unique_ptr<TlsStream> stream) {
  const std::string address = stream->address();
  TlsStream* raw = stream.get();
  const auto give_up = [raw] { raw->close(); };
  std::optional<Deadline> limit;
  limit.emplace(stream->executor(), std::chrono::milliseconds(limits::kHandshakeMs), give_up);
  Result<PeerIdentity> peer = co_await stream->handshake();
  limit.reset();
  if (!peer) {
    on_refused_(address, peer.error());
    co_return;
  }
  PeerIdentity identity = *std::move(peer);
  const std::shared_ptr<FrameLink> link = FrameLink::start(std::move(stream), std::move(identity));
  Result<Hello> hello = co_await await_hello(link);
  // The context may have been renewed since the handshake.
  if (const Status still = link->readmit(*context_); hello && !still) hello = still.error();
  if (hello) {
    remember(link);
    on_link_(link, *hello);
  } else {
    link->close(hello.error());
    on_refused_(address, hello.error());
  }
}

}  // namespace tributary
