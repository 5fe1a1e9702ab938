// SPDX-License-Identifier: Apache-2.0
// Rows beyond what memory may hold lie on disk, from the file to the batch.
#include "client/data/row_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "client/data/dataset.h"
#include "client/data/partition.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMiB = 1u << 20;

TEST(RowStore, WhatGoesBeyondMemoryLiesOnDisk) {
  TemporaryDirectory directory;
  const auto store = std::make_shared<RowStore>(directory / "rows", 4 * kMiB);
  RowVector<float> first(kMiB / 2, 1.0F, RowAllocator<float>(store));  // 2 MiB
  EXPECT_EQ(store->bytes_on_disk(), 0u);
  {
    RowVector<float> second(kMiB, 2.0F, RowAllocator<float>(store));  // 4 MiB: 6 together
    EXPECT_EQ(store->bytes_on_disk(), 4 * kMiB);
    EXPECT_TRUE(store->is_on_disk(second.data()));
    EXPECT_FALSE(store->is_on_disk(first.data()));
    second.resize(2 * kMiB, 3.0F);
    EXPECT_EQ(store->bytes_on_disk(), 8 * kMiB);
    EXPECT_EQ(second[kMiB - 1], 2.0F);
    EXPECT_EQ(second[kMiB], 3.0F);
    const RowVector<float> copy = second;
    EXPECT_TRUE(store->is_on_disk(copy.data()));
    EXPECT_EQ(copy, second);
    std::vector<std::uint32_t> all(8);
    std::iota(all.begin(), all.end(), 0u);
    will_need(second, kMiB / 4 + 1, {all.data(), 7});  // advice: changes nothing
    EXPECT_EQ(copy, second);
    // Nobody but this process has the rows: there is no name to open.
    EXPECT_TRUE(std::filesystem::is_empty(directory / "rows"));
  }
  EXPECT_EQ(store->bytes_on_disk(), 0u);
  first = RowVector<float>(RowAllocator<float>(store));
  const RowVector<float> third(kMiB, 2.0F, RowAllocator<float>(store));
  EXPECT_EQ(store->bytes_on_disk(), 0u) << "memory that was given back counts no more";
}

TEST(RowStore, WithoutAPlaceOnDiskThereIsNoRoom) {
  const auto store = std::make_shared<RowStore>("/dev/null/rows", 0);
  RowVector<float> rows{RowAllocator<float>(store)};
  EXPECT_THROW(rows.resize(kMiB), std::bad_alloc);
  rows.resize(10);  // too small for a file
}

TEST(RowStore, RowsAreKeptInPlace) {
  TemporaryDirectory directory;
  ExampleSet examples = stored_examples(std::make_shared<RowStore>(directory.path(), 0));
  examples.rows = 40'000;
  examples.input_shape = {2};
  for (int i = 0; i < 40'000; ++i) {
    examples.inputs.insert(examples.inputs.end(), {static_cast<float>(i), 0.5F});
    examples.labels.push_back(i % 7);
  }
  const ExampleSet taken = take_rows(examples, {7, 8});
  EXPECT_THAT(taken.inputs, testing::ElementsAre(7, 0.5F, 8, 0.5F));
  std::vector<std::size_t> odd;
  for (std::size_t i = 1; i < 40'000; i += 2) odd.push_back(i);
  const float* before = examples.inputs.data();
  keep_rows(examples, odd);
  EXPECT_EQ(examples.inputs.data(), before);
  ASSERT_EQ(examples.rows, 20'000);
  ASSERT_EQ(examples.inputs.size(), 40'000u);
  for (std::size_t i = 0; i < odd.size(); ++i) {
    ASSERT_EQ(examples.inputs[2 * i], static_cast<float>(odd[i]));
    ASSERT_EQ(examples.labels[i], static_cast<std::int64_t>(odd[i] % 7));
  }
}

// In a process of its own, which may take `more` bytes of memory beside what it has: the kernel
// counts private pages, not those of a mapped file.
int load_within(std::uint64_t more, const DatasetSource& source, const DataSpec& spec,
                std::int64_t rows) {
  std::ifstream status("/proc/self/status");
  std::uint64_t data_kib = 0;
  for (std::string word; status >> word;) {
    if (word == "VmData:") status >> data_kib;
  }
  const rlimit limit{data_kib * 1024 + more, data_kib * 1024 + more};
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) return 3;
  std::string detail;
  const auto site = load_dataset(source, spec, {}, 1, &detail);
  if (!site) return site.error().code == ErrorCode::kResourceExhausted ? 1 : 4;
  double sum = 0.0;
  for (const float value : site->training.inputs) sum += static_cast<double>(value);
  for (const float value : site->validation.inputs) sum += static_cast<double>(value);
  const double wanted = 3.0 * static_cast<double>(rows) * 1024.0;
  return site->training.rows + site->validation.rows == rows && sum == wanted ? 0 : 2;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryIsOurs = false;  // a sanitizer's counts as well
#else
constexpr bool kMemoryIsOurs = true;
#endif

// 64 MiB of floats, of which 16 MiB may be memory.
TEST(RowStore, ASetFourTimesAsLargeAsItsMemoryIsLoaded) {
  if (!kMemoryIsOurs) GTEST_SKIP() << "a sanitizer takes memory of its own";
  TemporaryDirectory directory;
  constexpr std::int64_t kRows = 16'384;
  std::ofstream images(directory / "images", std::ios::binary);
  images << std::string("\0\0\x08\x02\0\0\x40\0\0\0\x04\0", 12);
  for (std::int64_t i = 0; i < kRows; ++i) images << std::string(1024, '\x03');
  images.close();
  std::ofstream labels(directory / "labels", std::ios::binary);
  labels << std::string("\0\0\x08\x01\0\0\x40\0", 8) << std::string(kRows, '\x01');
  labels.close();
  DatasetSource source{"idx",
                       {{"images", directory / "images"},
                        {"labels", directory / "labels"},
                        {"validation_images", std::string()},
                        {"validation_labels", std::string()}}};
  DataSpec spec;
  spec.input_shape = {1024};
  spec.standardize = Standardize::kNone;
  constexpr std::uint64_t kBeside = 8 * kMiB;  // buffers, the split's row numbers
  source.store = std::make_shared<RowStore>(directory / "rows", 16 * kMiB);
  EXPECT_EXIT(std::_Exit(load_within(16 * kMiB + kBeside, source, spec, kRows)),
              testing::ExitedWithCode(0), "");
  source.store = nullptr;
  EXPECT_EXIT(std::_Exit(load_within(16 * kMiB + kBeside, source, spec, kRows)),
              testing::ExitedWithCode(1), "")
      << "and in memory alone it is not";
}

}  // namespace
}  // namespace tributary
