// SPDX-License-Identifier: Apache-2.0
// Listener: accepts, does the TLS and version handshakes of many peers at once, and hands out links
// whose peer is known. Owned by the daemon, on its io_context's one thread. What a peer may do is
// not its business.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/transport/dial_limits.h"
#include "common/transport/frame_link.h"

namespace tributary {

class Listener : public std::enable_shared_from_this<Listener> {
 public:
  // A link whose Hello has come; the handler answers Welcome or closes.
  using OnLink = std::function<void(std::shared_ptr<FrameLink> link, const Hello& hello)>;
  using OnRefused = std::function<void(const std::string& address, const Error& why)>;
  // A connection over the limits of its address, closed without a word.
  using OnDropped = std::function<void(const std::string& host)>;
  static constexpr std::int64_t kDialsPerAddress = 200;  // a second

  // `host` is an address or name of this machine, port 0 any free one. Errors name the address.
  static Result<std::shared_ptr<Listener>> open(asio::io_context& io, const std::string& host,
                                                std::uint16_t port,
                                                std::shared_ptr<TlsContext> context,
                                                std::int64_t dials_per_address = kDialsPerAddress);
  void start(OnLink on_link, OnRefused on_refused, OnDropped on_dropped = {});
  // Who comes from now on is met with this context. Links whose peer it would not let in any more
  // (revoked, say) are closed; on_refused hears of each.
  void renew(std::shared_ptr<TlsContext> context);
  void set_dials_per_address(std::int64_t rate) { limits_.set_rate(clock_.now(), rate); }
  void stop();
  std::uint16_t port() const { return port_; }
  std::size_t greeting() const { return handshakes_; }  // peers that are not authenticated yet

 private:
  Listener(asio::io_context& io, std::shared_ptr<TlsContext> context,
           std::int64_t dials_per_address)
      : acceptor_(io), pause_(io), context_(std::move(context)), limits_(dials_per_address) {}
  static asio::awaitable<void> accept_loop(std::shared_ptr<Listener> self);
  asio::awaitable<void> pause();
  bool may_dial(const asio::ip::address& from);
  static asio::awaitable<void> greet(std::shared_ptr<Listener> self, Socket socket,
                                     asio::ip::address from);
  asio::awaitable<void> greet_stream(std::unique_ptr<TlsStream> stream);
  void remember(const std::shared_ptr<FrameLink>& link);

  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::shared_ptr<TlsContext> context_;
  OnLink on_link_;
  OnRefused on_refused_;
  OnDropped on_dropped_;
  DialLimits limits_;
  SystemClock clock_;
  std::uint16_t port_ = 0;
  std::size_t handshakes_ = 0;
  std::vector<std::weak_ptr<FrameLink>> links_;  // those that were handed out
  std::size_t sweep_at_ = 64;                    // then those that have ended are forgotten
};

}  // namespace tributary
