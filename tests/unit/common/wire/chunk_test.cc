// SPDX-License-Identifier: Apache-2.0
#include "common/wire/chunk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "common/base/limits.h"

namespace tributary {
namespace {

TEST(Chunk, IsAFrameWithItsHeaderInFront) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, limits::kChunkBytesMax}) {
    Bytes content(size);
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<std::byte>(i * 7);
    Chunk chunk = Chunk::of(content);
    EXPECT_TRUE(std::ranges::equal(chunk.bytes(), content));
    const ByteView frame = chunk.frame(9);
    ASSERT_EQ(frame.size(), kFrameHeaderBytes + size);
    const auto header = decode_frame_header(frame.first<kFrameHeaderBytes>());
    ASSERT_TRUE(header) << header.error().message;
    EXPECT_EQ(header->payload_bytes, size);
    EXPECT_EQ(header->kind, FrameKind::kChunk);
    EXPECT_EQ(header->stream, 9u);
    EXPECT_TRUE(std::ranges::equal(frame.subspan(kFrameHeaderBytes), content));
  }
}

TEST(Chunk, LargeBuffersComeBackAndAreAligned) {
  const std::byte* first = nullptr;
  {
    Chunk chunk = Chunk::take(Chunk::kUsualBytes);
    first = chunk.room().data();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0u);
  }
  EXPECT_EQ(Chunk::take(Chunk::kUsualBytes).room().data(), first);
  EXPECT_EQ(Chunk::take(100).room().size(), 100u);
}

TEST(Chunk, ThePoolIsSharedByThreads) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([thread] {
      for (int i = 0; i < 200; ++i) {
        std::vector<Chunk> held;
        for (int k = 0; k < 20; ++k) {
          held.push_back(Chunk::take(Chunk::kUsualBytes));
          std::ranges::fill(held.back().room().first(64), static_cast<std::byte>(thread * 20 + k));
        }
        for (int k = 0; k < 20; ++k) {
          const MutableByteView room = held[static_cast<std::size_t>(k)].room();
          ASSERT_TRUE(std::ranges::all_of(room.first(64), [&](std::byte byte) {
            return byte == static_cast<std::byte>(thread * 20 + k);
          }));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tributary
