// SPDX-License-Identifier: Apache-2.0
#include "common/base/chunk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace tributary {
namespace {

TEST(Chunk, IsFilledInParts) {
  const Bytes content(100, std::byte{7});
  Chunk chunk = Chunk::take(250);
  EXPECT_TRUE(chunk.append(content).empty());
  EXPECT_TRUE(chunk.append(content).empty());
  EXPECT_EQ(chunk.append(content).size(), 50u) << "what it has no room for";
  EXPECT_EQ(chunk.size(), 250u);
  EXPECT_TRUE(std::ranges::all_of(chunk.bytes(), [](std::byte b) { return b == std::byte{7}; }));
  EXPECT_EQ(chunk.memory(), 250u);
  EXPECT_EQ(Chunk::take(100'000).memory(), Chunk::kUsualBytes);
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
