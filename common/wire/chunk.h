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
  // Nothing in it yet; its bytes are whatever they were.
  static Chunk take();
  // With a copy of at most kChunkBytesMax bytes.
  static Chunk of(ByteView bytes);

  std::size_t size() const { return size_; }
  ByteView bytes() const { return {payload(), size_}; }
  // To be filled; all of kChunkBytesMax.
  MutableByteView room();
  void resize(std::size_t size) { size_ = size; }
  // As it goes out, with this header in front.
  ByteView frame(std::uint32_t stream);

 private:
  struct GiveBack {
    void operator()(std::byte* buffer) const;
  };
  using Buffer = std::unique_ptr<std::byte, GiveBack>;

  explicit Chunk(Buffer buffer) : buffer_(std::move(buffer)) {}
  std::byte* payload() const;

  Buffer buffer_;
  std::size_t size_ = 0;
};

}  // namespace tributary
