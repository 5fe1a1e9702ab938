// SPDX-License-Identifier: Apache-2.0
#include "client/work/resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary {
namespace {

using testing::HasSubstr;

TEST(Resources, ThisMachineHasSome) {
  const Resources free = free_resources("/");
  EXPECT_GT(free.memory_bytes, 1u << 20);
  EXPECT_LT(free.memory_bytes, 1ull << 50) << "bytes, not KiB of KiB";
  EXPECT_GT(free.disk_bytes, 0u);
  EXPECT_TRUE(enough_for(free_resources("/no such folder"), 1)) << "unknown counts as enough";
}

TEST(Resources, AShortageSaysOfWhat) {
  constexpr std::uint64_t kMiB = 1u << 20;
  EXPECT_TRUE(enough_for({600 * kMiB, 500 * kMiB}, 100 * kMiB));
  const Status memory = enough_for({599 * kMiB, 500 * kMiB}, 100 * kMiB);
  ASSERT_FALSE(memory);
  EXPECT_THAT(memory.error().message, HasSubstr("about 600 MiB of memory, 599 MiB are free"));
  const Status disk = enough_for({600 * kMiB, 499 * kMiB}, 100 * kMiB);
  ASSERT_FALSE(disk);
  EXPECT_THAT(disk.error().message, HasSubstr("of disk"));
}

}  // namespace
}  // namespace tributary
