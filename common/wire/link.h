// SPDX-License-Identifier: Apache-2.0
// Link: one authenticated connection to a peer, as the sessions of both sides see it: over TLS in
// the programs, in memory in simulations. Shared by its users, on the link's thread only.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/chunk.h"
#include "common/base/result.h"
#include "common/domain/messages.h"
#include "common/wire/transfer_port.h"

namespace tributary {

class Link : public TransferPort {
 public:
  // Sends a Goodbye with the reason where that is still possible, then closes. The link's end is
  // told to whoever runs it, later.
  virtual void close(Error why, std::int64_t retry_after_ms = 0) = 0;
};

// What a link's owner does with what arrives. A failed Status closes the link with that reason.
class LinkHandler {
 public:
  virtual ~LinkHandler() = default;
  virtual Status on_message(const Message& message) = 0;
  virtual Status on_chunk(std::uint32_t stream, Chunk chunk) = 0;
};

}  // namespace tributary
