// SPDX-License-Identifier: Apache-2.0
#include "common/wire/chunk.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

#include "common/base/assert.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

// What ten sites keep busy.
constexpr std::size_t kChunksPooledMax = 64;
constexpr std::align_val_t kAlignment{64};
constexpr std::size_t kHeaderRoom = 64;  // the payload is aligned too
static_assert(kFrameHeaderBytes <= kHeaderRoom);

constexpr std::size_t kSmall = 64u << 10;  // the heap reuses as much without the system

std::byte* make(std::size_t room) {
  return static_cast<std::byte*>(::operator new(kHeaderRoom + room, kAlignment));
}
void release(std::byte* buffer) { ::operator delete(buffer, kAlignment); }

class Pool {
 public:
  std::byte* take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        std::byte* buffer = free_.back();
        free_.pop_back();
        return buffer;
      }
    }
    return make(Chunk::kUsualBytes);
  }
  void give_back(std::byte* buffer) {
    {
      const std::lock_guard lock(mutex_);
      if (free_.size() < kChunksPooledMax) return free_.push_back(buffer);
    }
    release(buffer);
  }

 private:
  std::mutex mutex_;
  std::vector<std::byte*> free_;
};

// Never destroyed: a chunk may outlive whatever else is static.
Pool& pool() {
  static Pool* const kPool = new Pool;
  return *kPool;
}

}  // namespace

Chunk Chunk::take(std::size_t room) {
  TRIB_ASSERT(room <= limits::kChunkBytesMax, "a chunk of no possible size");
  const bool pooled = room > kSmall && room <= kUsualBytes;
  return Chunk(Buffer(pooled ? pool().take() : make(room), GiveBack{pooled}), room);
}

Chunk Chunk::of(ByteView bytes) {
  Chunk chunk = take(bytes.size());
  std::ranges::copy(bytes, chunk.room().begin());
  chunk.resize(bytes.size());
  return chunk;
}

void Chunk::GiveBack::operator()(std::byte* buffer) const {
  if (pooled) return pool().give_back(buffer);
  release(buffer);
}

std::byte* Chunk::payload() const { return buffer_.get() + kHeaderRoom; }

ByteView Chunk::frame(std::uint32_t stream) {
  TRIB_ASSERT(size_ > 0 && size_ <= limits::kChunkBytesMax, "a chunk of no possible size");
  const auto header =
      encode_frame_header({static_cast<std::uint32_t>(size_), FrameKind::kChunk, stream});
  std::byte* const start = payload() - kFrameHeaderBytes;
  std::ranges::copy(header, start);
  return {start, kFrameHeaderBytes + size_};
}

}  // namespace tributary
