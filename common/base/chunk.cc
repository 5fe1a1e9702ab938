// SPDX-License-Identifier: Apache-2.0
#include "common/base/chunk.h"

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
constexpr std::size_t kSmall = 64u << 10;  // the heap reuses as much without the system

std::byte* make(std::size_t room) {
  return static_cast<std::byte*>(::operator new(Chunk::kHeaderRoom + room, kAlignment));
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
      if (free_.size() < keeps_) return free_.push_back(buffer);
    }
    release(buffer);
  }
  void keep(std::size_t more) {
    std::vector<std::byte*> beyond;
    {
      const std::lock_guard lock(mutex_);
      keeps_ = kChunksPooledMax + more;
      while (free_.size() > keeps_) {
        beyond.push_back(free_.back());
        free_.pop_back();
      }
    }
    std::ranges::for_each(beyond, release);
  }

 private:
  std::mutex mutex_;
  std::size_t keeps_ = kChunksPooledMax;
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

void Chunk::keep_pooled(std::size_t bytes) { pool().keep(bytes / kUsualBytes); }

ByteView Chunk::append(ByteView bytes) {
  const ByteView part = bytes.first(std::min(bytes.size(), room_ - size_));
  std::ranges::copy(part, payload() + size_);
  size_ += part.size();
  return bytes.subspan(part.size());
}

std::size_t Chunk::memory() const { return buffer_.get_deleter().pooled ? kUsualBytes : room_; }

void Chunk::GiveBack::operator()(std::byte* buffer) const {
  if (pooled) return pool().give_back(buffer);
  release(buffer);
}

ByteView Chunk::with_header(ByteView header) {
  TRIB_ASSERT(header.size() <= kHeaderRoom, "a header without room");
  std::byte* const start = payload() - header.size();
  std::ranges::copy(header, start);
  return {start, header.size() + size_};
}

}  // namespace tributary
