// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/stored_values.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

// Blocks of int8, and what they mean.
struct Blocks {
  Blocks(std::size_t count, std::size_t block) {
    SeededRandom random(count + block);
    for (std::size_t i = 0; i < count; ++i) {
      if (i % block == 0) {
        scale = static_cast<float>(random.uniform());
        bytes.resize(bytes.size() + sizeof(float));
        put_little_endian(bytes.data() + bytes.size() - sizeof(float),
                          std::bit_cast<std::uint32_t>(scale));
      }
      const int quantum = static_cast<int>(random.uniform_below(256)) - 128;
      bytes.push_back(static_cast<std::byte>(quantum));
      values.push_back(static_cast<float>(quantum) * scale);
    }
    stored = {StoredForm::kInt8, bytes.data(), 0, count, block};
  }
  Bytes bytes;
  std::vector<float> values;
  StoredValues stored;
  float scale = 0.0f;
};

void expect_same(const StoredValues& run, std::span<const float> values) {
  std::vector<float> widened(run.count);
  widen(run, widened);
  ASSERT_TRUE(std::ranges::equal(widened, values));
  std::vector<std::int64_t> sums(run.count, 3);
  fold(run, 0x1.8p30, sums);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(sums[i],
              3 + static_cast<std::int64_t>(std::rint(static_cast<double>(values[i]) * 0x1.8p30)))
        << i;
  }
}

TEST(StoredValues, ARunOfInt8BeginsAndEndsAnywhere) {
  for (const std::size_t block : {16u, 128u, 1024u}) {
    const Blocks of(2'500, block);
    for (const std::size_t from : {0u, 1u, 15u, 16u, 130u, 1'024u, 2'499u, 2'500u}) {
      for (const std::size_t count : {0u, 1u, 17u, 1'024u, 2'500u}) {
        if (from + count > 2'500) continue;
        SCOPED_TRACE(std::to_string(block) + ": " + std::to_string(from) + ", " +
                     std::to_string(count));
        // Cut once, and cut again from that.
        expect_same(of.stored.part(from, count), std::span(of.values).subspan(from, count));
        expect_same(of.stored.part(from, 2'500 - from).part(0, count),
                    std::span(of.values).subspan(from, count));
      }
    }
  }
}

TEST(StoredValues, ARunOfHalvesBeginsAndEndsAnywhere) {
  std::vector<std::uint16_t> brains;
  std::vector<float> values;
  for (int i = 0; i < 1'000; ++i) {
    values.push_back(static_cast<float>(i - 500) / 4.0f);  // exact in 8 bits, or cut to them
    brains.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(values.back()) >> 16));
    values.back() = std::bit_cast<float>(std::uint32_t{brains.back()} << 16);
  }
  const StoredValues all{StoredForm::kBf16, std::as_bytes(std::span(brains)).data(), 0, 1'000, 0};
  for (const std::size_t from : {0u, 1u, 999u, 1'000u})
    expect_same(all.part(from, 1'000 - from), std::span(values).subspan(from));
  expect_same(StoredValues::of(values).part(3, 500), std::span(values).subspan(3, 500));
}

}  // namespace
}  // namespace tributary
