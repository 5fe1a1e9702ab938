// SPDX-License-Identifier: Apache-2.0
#include "client/work/checkpoint_store.h"

#include <gtest/gtest.h>

#include "common/base/limits.h"
#include "common/crypto/digest.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

class Store : public testing::Test {
 protected:
  static TrainingState state(std::uint64_t batches) {
    return {batches, 100, Bytes(1000, static_cast<std::byte>(batches))};
  }
  ErrorCode fault() {
    const auto loaded = store_.load(binding_);
    return loaded ? ErrorCode::kInternal : loaded.error().code;
  }
  Bytes file() { return *disk_.read(path_, limits::kCheckpointBytesMax); }
  void write(const Bytes& bytes) { ASSERT_TRUE(disk_.write_durably(path_, bytes)); }

  TemporaryDirectory directory_;
  FullDisk disk_;
  CheckpointStore store_{disk_, directory_ / "checkpoints"};
  const std::string path_ = directory_ / "checkpoints/training";
  const Digest binding_ = sha256(as_bytes("this training"));
};

TEST_F(Store, GivesBackTheLastOneAndKeepsOnlyThat) {
  EXPECT_TRUE(store_.empty());
  EXPECT_EQ(fault(), ErrorCode::kNotFound);
  EXPECT_FALSE(disk_.exists(directory_ / "checkpoints")) << "not before it is needed";
  ASSERT_TRUE(store_.keep(binding_, state(10)));
  ASSERT_TRUE(store_.keep(binding_, state(20)));
  EXPECT_FALSE(store_.empty());
  CheckpointStore next_life(disk_, directory_ / "checkpoints");
  const auto loaded = next_life.load(binding_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->batches, 20u);
  EXPECT_EQ(loaded->total, 100u);
  EXPECT_EQ(loaded->bytes, state(20).bytes);
  EXPECT_EQ(disk_.list(directory_ / "checkpoints")->size(), 1u);
  EXPECT_TRUE(store_.remove());
  EXPECT_TRUE(store_.empty());
  EXPECT_TRUE(store_.remove()) << "fine if it is not there";
}

TEST_F(Store, OneOfAnotherTrainingIsRemoved) {
  ASSERT_TRUE(store_.keep(sha256(as_bytes("another")), state(10)));
  EXPECT_EQ(fault(), ErrorCode::kNotFound);
  EXPECT_TRUE(store_.empty());
}

TEST_F(Store, OneOfAnotherVersionIsRemoved) {
  ASSERT_TRUE(store_.keep(binding_, state(10)));
  Bytes bytes = file();
  const std::size_t sealed = bytes.size() - 32, format = sealed - 32 - 8;
  EXPECT_EQ(get_little_endian<std::uint64_t>(bytes.data() + format), 1u);
  bytes[format] = std::byte{2};
  std::ranges::copy(sha256(ByteView(bytes).first(sealed)).bytes,
                    bytes.begin() + static_cast<std::ptrdiff_t>(sealed));
  write(bytes);
  EXPECT_EQ(fault(), ErrorCode::kNotFound);
  EXPECT_TRUE(store_.empty());
}

TEST_F(Store, ATornOrDamagedOneIsRemoved) {
  ASSERT_TRUE(store_.keep(binding_, state(10)));
  const Bytes whole = file();
  for (std::size_t size = 0; size < whole.size(); size += 41) {
    write({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_EQ(fault(), ErrorCode::kDataLoss) << size;
    EXPECT_TRUE(store_.empty());
  }
  for (std::size_t at = 0; at < whole.size(); at += 13) {
    Bytes flipped = whole;
    flipped[at] ^= std::byte{4};
    write(flipped);
    EXPECT_EQ(fault(), ErrorCode::kDataLoss) << at;
    EXPECT_TRUE(store_.empty());
  }
  ASSERT_TRUE(store_.keep(binding_, state(10)));
  ASSERT_TRUE(disk_.write_durably(path_ + ".new", whole));  // where a crash cut a write off
  EXPECT_TRUE(store_.load(binding_)) << "the one before is good";
  EXPECT_TRUE(store_.remove());
  EXPECT_TRUE(disk_.list(directory_ / "checkpoints")->empty());
}

TEST_F(Store, AFullDiskLeavesTheOneBefore) {
  ASSERT_TRUE(store_.keep(binding_, state(10)));
  disk_.room = 500;
  const Status kept = store_.keep(binding_, state(20));
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(store_.load(binding_)->batches, 10u);
}

}  // namespace
}  // namespace tributary
