// SPDX-License-Identifier: Apache-2.0
// Chunk: a piece of a blob on its way, in a buffer of a pool that the process shares: memory that
// is given back to the system for each chunk costs more than all else that is done with its bytes.
// It is handed on, not copied, from the link to the memory it stays in. Room for a header lies in
// front, so that a frame is written as one piece. One owner; the pool is thread-safe.
#pragma once

#include <cstddef>
#include <memory>

#include "common/base/bytes.h"

namespace tributary {

class Chunk {
 public:
  // What is sent at a time: fills the link, and a server of many sites has little in hand.
  static constexpr std::size_t kUsualBytes = 256u << 10;
  static constexpr std::size_t kHeaderRoom = 64;  // the payload is aligned to a cache line too

  // Room for so many bytes, kChunkBytesMax at most; nothing in it yet, its bytes are whatever they
  // were. Those of about the usual size come from the pool.
  static Chunk take(std::size_t room);
  // With a copy of at most kChunkBytesMax bytes.
  static Chunk of(ByteView bytes);
  // The pool keeps so many bytes that nobody uses, beside its own share: for whoever will take as
  // much again. What is more than that now goes back to the system.
  static void keep_pooled(std::size_t bytes);

  std::size_t size() const { return size_; }
  ByteView bytes() const { return {payload(), size_}; }
  MutableByteView room() { return {payload(), room_}; }  // to be filled
  void resize(std::size_t size) { size_ = size; }
  // Adds what there is room for: the rest.
  ByteView append(ByteView bytes);
  std::size_t memory() const;  // bytes that it keeps from others: room(), or more
  // Its bytes with this header, kHeaderRoom at most, in front.
  ByteView with_header(ByteView header);

 private:
  struct GiveBack {
    bool pooled = true;
    void operator()(std::byte* buffer) const;
  };
  using Buffer = std::unique_ptr<std::byte, GiveBack>;

  Chunk(Buffer buffer, std::size_t room) : buffer_(std::move(buffer)), room_(room) {}
  std::byte* payload() const { return buffer_.get() + kHeaderRoom; }

  Buffer buffer_;
  std::size_t room_;
  std::size_t size_ = 0;
};

}  // namespace tributary
