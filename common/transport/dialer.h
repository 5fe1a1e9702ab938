// SPDX-License-Identifier: Apache-2.0
// dial: connects to a coordinator: resolve, connect, TLS, version handshake, each within
// kHandshakeMs. On the io_context's one thread. Trying again is the caller's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "common/transport/frame_link.h"

namespace tributary {

struct DialTarget {
  std::string host;
  std::uint16_t port = 0;
  std::string server_name;  // in the coordinator's certificate
};

struct DialedLink {
  std::shared_ptr<FrameLink> link;
  Welcome welcome;
};

// A Goodbye: the coordinator does not want us now, says why and when to come back.
using Dialed = std::variant<DialedLink, Goodbye>;

// Asked before anything is said to the peer; none: any coordinator will do.
using TrustsPeer = std::function<Status(const PeerIdentity& coordinator)>;

// kUnavailable: nobody there; kUnauthenticated: not our coordinator, or not one of its peers; else
// what `trusts` says.
asio::awaitable<Result<Dialed>> dial(DialTarget target, std::shared_ptr<TlsContext> context,
                                     Hello hello, TrustsPeer trusts = {});

}  // namespace tributary
