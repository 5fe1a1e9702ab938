// SPDX-License-Identifier: Apache-2.0
// TransferPort: what blob transfers need of a link. The driver implements it over its FrameLink;
// tests over a list. Owned by the driver and outlives the transfers that use it; called on the
// link's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/domain/messages.h"

namespace tributary {

// Puts the next bytes of a blob into `into`, when the link can take them: how many; 0 at the end.
using ChunkSource = std::function<Result<std::size_t>(MutableByteView into)>;

class TransferPort {
 public:
  virtual ~TransferPort() = default;

  // Queues a control message; fails when the link is closed or its queue is full.
  virtual Status send(const Message& message) = 0;
  // Sends what `source` gives as chunks on `stream`, with control messages in between, until it is
  // empty or fails. May call the source before it returns. The source may outlive the transfers
  // that made it.
  virtual void add_source(std::uint32_t stream, ChunkSource source) = 0;
  // No more chunks on `stream`; nothing happens if there is no such source.
  virtual void remove_source(std::uint32_t stream) = 0;
  // Whoever cannot keep up with what arrives: nothing more is read from the peer until it is
  // resumed. A port whose users always keep up need not know of it.
  virtual void pause_reading() {}
  virtual void resume_reading() {}
};

}  // namespace tributary
