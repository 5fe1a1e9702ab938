// SPDX-License-Identifier: Apache-2.0
// The first two messages of a link: versions are agreed, software and datasets told. On the link's
// thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <variant>

#include "common/transport/frame_link.h"

namespace tributary {

// Waits for the peer's Hello; a peer without a version in common is sent away with the reason.
asio::awaitable<Result<Hello>> await_hello(std::shared_ptr<FrameLink> link);
// Sends Hello, waits for the Welcome, or for the Goodbye of a peer that does not want the link now.
using HelloAnswer = std::variant<Welcome, Goodbye>;
asio::awaitable<Result<HelloAnswer>> offer_hello(std::shared_ptr<FrameLink> link, Hello hello);

}  // namespace tributary
