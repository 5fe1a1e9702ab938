// SPDX-License-Identifier: Apache-2.0
// Channel: frames between a process and its child, over a pair of sockets: a kind, a size, bytes.
// One owner, one thread. It trusts nothing of what the other end sends but where a frame ends, and
// holds that against a bound. It gives frames no meaning.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"

namespace tributary {

struct ChannelFrame {
  std::uint32_t kind = 0;
  Bytes bytes;
};

class Channel {
 public:
  // Asked while waiting, each kTick; true ends the wait with kCancelled. Empty: never.
  using Abandon = std::function<bool()>;
  static constexpr Milliseconds kTick{20};
  static constexpr std::uint64_t kNoBound = std::numeric_limits<std::uint64_t>::max();

  explicit Channel(int descriptor, Abandon abandon = {});
  ~Channel();
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&&) = delete;

  void on_waiting(Abandon abandon) { abandon_ = std::move(abandon); }

  // Errors: kUnavailable when the other end is gone; kCancelled.
  Status send(std::uint32_t kind, ByteView bytes);
  // Of at most so many bytes; kProtocol beyond.
  Result<ChannelFrame> receive(std::uint64_t bytes_max = kNoBound);
  // A frame is there, or the other end is gone.
  bool readable(Milliseconds within);

  // An array as a frame, received where it is to lie. kProtocol: another kind of frame.
  template <typename Vector>
  Status receive_values(std::uint32_t kind, Vector& into) {
    using T = typename Vector::value_type;
    TRIB_TRY(size, receive_head(kind));
    if (size % sizeof(T) != 0)
      return make_error(ErrorCode::kProtocol, "a frame holds a part of a value");
    into.resize(size / sizeof(T));
    return read_all(std::as_writable_bytes(std::span(into)));
  }

 private:
  struct Head {
    std::uint32_t kind;
    std::uint64_t size;
  };
  Result<Head> read_head();
  Result<std::size_t> receive_head(std::uint32_t kind);
  Status read_all(MutableByteView into);
  Status write_all(ByteView bytes);
  Status wait_for(short event);

  int descriptor_;
  Abandon abandon_;
};

}  // namespace tributary
