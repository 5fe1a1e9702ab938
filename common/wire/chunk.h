// SPDX-License-Identifier: Apache-2.0
// Chunk: the payload of one chunk frame, in a buffer of a pool that the process shares: memory that
// is given back to the system for each chunk costs more than all else that is done with its bytes.
// The header's room lies in front, so that a frame is written as one piece. One owner; the pool is
// thread-safe and keeps at most kChunksPooledMax buffers that nobody uses.
#pragma once

#include <cstddef>
#include <memory>

#include "common/base/bytes.h"
#include "common/wire/frame_codec.h"

namespace tributary {

class Chunk {
 public:
  // What is sent at a time: fills the link, and a server of many sites has little in hand.
  static constexpr std::size_t kUsualBytes = 256u << 10;

  // Room for so many bytes, kChunkBytesMax at most; nothing in it yet, its bytes are whatever they
  // were. Those of about the usual size come from the pool.
  static Chunk take(std::size_t room);
  // With a copy of at most kChunkBytesMax bytes.
  static Chunk of(ByteView bytes);

  std::size_t size() const { return size_; }
  ByteView bytes() const { return {payload(), size_}; }
  MutableByteView room() { return {payload(), room_}; }  // to be filled
  void resize(std::size_t size) { size_ = size; }
  // As it goes out, with this header in front.
  ByteView frame(std::uint32_t stream);

 private:
  struct GiveBack {
    bool pooled = true;
    void operator()(std::byte* buffer) const;
  };
  using Buffer = std::unique_ptr<std::byte, GiveBack>;

  Chunk(Buffer buffer, std::size_t room) : buffer_(std::move(buffer)), room_(room) {}
  std::byte* payload() const;

  Buffer buffer_;
  std::size_t room_;
  std::size_t size_ = 0;
};

}  // namespace tributary
