// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/staging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/base/limits.h"
#include "common/crypto/digest.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kMiB = 1u << 20;

Bytes update(std::size_t size, int salt = 0) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>((i * 7 + i / 251 + static_cast<std::size_t>(salt)) & 0xff);
  return bytes;
}

BlobRef ref_of(const Bytes& bytes) { return {sha256(bytes), bytes.size()}; }

class StagingTest : public testing::Test {
 protected:
  // In steps that fit no piece.
  static Status append(BlobStore::Writer& writer, const Bytes& bytes, std::size_t end) {
    for (std::size_t at = writer.size(); at < end; at = writer.size())
      TRIB_CHECK_OK(
          writer.append(ByteView(bytes).subspan(at, std::min<std::size_t>(300'007, end - at))));
    return {};
  }
  Status receive(const Bytes& bytes) {
    TRIB_TRY(writer, staging_.receive(ref_of(bytes)));
    TRIB_CHECK_OK(append(*writer, bytes, bytes.size()));
    return writer->commit();
  }
  Status receive_in_memory(const Bytes& bytes) {
    EXPECT_TRUE(staging_.reserve(ref_of(bytes)));
    const Status received = receive(bytes);
    staging_.release(ref_of(bytes).digest);
    return received;
  }
  std::vector<std::string> files() { return *files_->list(directory_ / "blobs"); }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> files_ = make_file_system(Durability::kNone);
  Staging staging_{*BlobStore::open(*files_, directory_ / "blobs"), 4 * kMiB};
  const Staging::User a_{JobId{"job"}, SiteName{"a"}}, b_{JobId{"job"}, SiteName{"b"}},
      other_job_{JobId{"other"}, SiteName{"a"}};
};

TEST_F(StagingTest, AnUpdateWithAPlaceInMemoryLeavesNoFile) {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{1000}, std::size_t{kMiB}, std::size_t{2 * kMiB + 12'345}}) {
    const Bytes bytes = update(size);
    ASSERT_TRUE(receive_in_memory(bytes)) << size;
    EXPECT_THAT(files(), IsEmpty());
    const Digest digest = ref_of(bytes).digest;
    EXPECT_TRUE(staging_.contains(digest));
    EXPECT_EQ(*staging_.read(digest), bytes);
    EXPECT_THAT(*staging_.list(), ElementsAre(digest));
    const auto file = staging_.open_verified(digest);
    ASSERT_TRUE(file);
    Bytes part(size / 2 + 1);
    ASSERT_TRUE((*file)->read_at(size - part.size(), part));
    EXPECT_TRUE(std::ranges::equal(part, ByteView(bytes).last(part.size())));
    EXPECT_FALSE((*file)->read_at(size, part)) << "nothing lies beyond the end";
    ASSERT_TRUE(staging_.remove(digest));
    EXPECT_FALSE(staging_.contains(digest));
    EXPECT_TRUE((*file)->read_at(0, part)) << "whoever reads it still can";
  }
}

// Large chunks stay as they came, small ones are put together; the bytes are the same.
TEST_F(StagingTest, TakesChunksOfAnySize) {
  const Bytes bytes = update(3 * kMiB + 70'001);
  const std::size_t usual = Chunk::kUsualBytes;
  const std::vector<std::size_t> sizes{usual, 1, usual, 100'000, 3, limits::kChunkBytesMax, 70'000};
  ASSERT_TRUE(staging_.reserve(ref_of(bytes)));
  const auto writer = staging_.receive(ref_of(bytes));
  std::size_t at = 0;
  for (std::size_t i = 0; at < bytes.size(); ++i) {
    const std::size_t size = std::min(sizes[i % sizes.size()], bytes.size() - at);
    ASSERT_TRUE((*writer)->take(Chunk::of(ByteView(bytes).subspan(at, size))));
    at += size;
    ASSERT_EQ((*writer)->size(), at);
  }
  ASSERT_TRUE((*writer)->commit());
  EXPECT_THAT(files(), IsEmpty());
  const auto file = staging_.open_blob(ref_of(bytes).digest);
  for (std::size_t size = 1; size < bytes.size(); size = size * 5 + 1) {
    Bytes part(size);
    ASSERT_TRUE((*file)->read_at(bytes.size() - size, part));
    EXPECT_TRUE(std::ranges::equal(part, ByteView(bytes).last(size)));
  }
  EXPECT_EQ(*staging_.read(ref_of(bytes).digest), bytes);
}

TEST_F(StagingTest, AChunkThatIsKeptIsNotCopied) {
  const Bytes bytes = update(2 * Chunk::kUsualBytes);
  std::vector<const std::byte*> buffers;
  ASSERT_TRUE(staging_.reserve(ref_of(bytes)));
  {
    const auto writer = staging_.receive(ref_of(bytes));
    for (std::size_t at = 0; at < bytes.size(); at += Chunk::kUsualBytes) {
      Chunk chunk = Chunk::of(ByteView(bytes).subspan(at, Chunk::kUsualBytes));
      buffers.push_back(chunk.bytes().data());
      ASSERT_TRUE((*writer)->take(std::move(chunk)));
    }
    ASSERT_TRUE((*writer)->commit());
    EXPECT_THAT(buffers,
                testing::Not(testing::Contains(Chunk::take(Chunk::kUsualBytes).bytes().data())))
        << "the pool has them not";
  }
  ASSERT_TRUE(staging_.remove(ref_of(bytes).digest));
  EXPECT_THAT(buffers, testing::Contains(Chunk::take(Chunk::kUsualBytes).bytes().data()))
      << "and has them again";
}

// What a peer's small chunks hold is near what has arrived.
TEST_F(StagingTest, SmallChunksUseNoMoreMemoryThanLargeOnes) {
  const Bytes bytes = update(4 * kMiB);
  ASSERT_TRUE(staging_.reserve(ref_of(bytes)));
  const auto writer = staging_.receive(ref_of(bytes));
  for (std::size_t at = 0; at < bytes.size(); at += 8192)
    ASSERT_TRUE((*writer)->take(Chunk::of(ByteView(bytes).subspan(at, 8192))));
  ASSERT_TRUE((*writer)->commit());
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(StagingTest, WithoutAPlaceItIsAFile) {
  const Bytes bytes = update(1000);
  ASSERT_TRUE(receive(bytes));
  EXPECT_THAT(files(), ElementsAre(ref_of(bytes).digest.hex()));
  EXPECT_TRUE(staging_.contains(ref_of(bytes).digest));
  EXPECT_FALSE(staging_.reserve({sha256(bytes), 4 * kMiB + 1})) << "that never fits";
}

TEST_F(StagingTest, PlacesAreGivenUntilTheMemoryIsTaken) {
  const BlobRef first = ref_of(update(3 * kMiB)), second = ref_of(update(2 * kMiB));
  EXPECT_TRUE(staging_.reserve(first));
  EXPECT_FALSE(staging_.reserve(first)) << "another site has the same bytes: one brings them";
  EXPECT_FALSE(staging_.reserve(second));
  staging_.release(first.digest);
  staging_.release(first.digest);
  EXPECT_TRUE(staging_.reserve(second));
}

TEST_F(StagingTest, WhatABrokenLinkLeftIsOnTheDiskForTheNextOne) {
  const Bytes bytes = update(3 * kMiB);
  ASSERT_TRUE(staging_.reserve(ref_of(bytes)));
  {
    const auto writer = staging_.receive(ref_of(bytes));
    ASSERT_TRUE(append(**writer, bytes, 2 * kMiB + 17));
  }
  EXPECT_TRUE(staging_.has_part(ref_of(bytes).digest));
  const auto writer = staging_.receive(ref_of(bytes));
  EXPECT_EQ((*writer)->size(), 2 * kMiB + 17) << "also where there is room in memory";
  ASSERT_TRUE(append(**writer, bytes, bytes.size()));
  ASSERT_TRUE((*writer)->commit());
  EXPECT_EQ(*staging_.read(ref_of(bytes).digest), bytes);
}

// Chunks of the worst sizes take twice the memory of their bytes.
TEST_F(StagingTest, WhereTheMemoryEndsTheUpdateGoesOnOnTheDisk) {
  const Bytes bytes = update(4 * kMiB);
  ASSERT_TRUE(staging_.reserve(ref_of(bytes)));
  {
    const auto writer = staging_.receive(ref_of(bytes));
    for (std::size_t i = 0, at = 0; at < bytes.size(); ++i) {
      const std::size_t size = std::min(i % 2 == 0 ? Chunk::kUsualBytes : 1, bytes.size() - at);
      ASSERT_TRUE((*writer)->take(Chunk::of(ByteView(bytes).subspan(at, size))));
      at += size;
      ASSERT_TRUE(at >= 2 * kMiB || files().empty());
    }
    ASSERT_TRUE((*writer)->commit());
  }
  staging_.release(ref_of(bytes).digest);
  EXPECT_THAT(files(), ElementsAre(ref_of(bytes).digest.hex()));
  EXPECT_EQ(*staging_.read(ref_of(bytes).digest), bytes);
  staging_.done(ref_of(bytes).digest, a_);
  EXPECT_TRUE(staging_.contains(ref_of(bytes).digest)) << "files stay until they are removed";
  const Bytes next = update(4 * kMiB, 3);
  ASSERT_TRUE(receive_in_memory(next));
  EXPECT_THAT(files(), ElementsAre(ref_of(bytes).digest.hex())) << "the memory is free again";
}

TEST_F(StagingTest, WhatWaitsForTheSumHasItsPlaceUntilItIsThere) {
  int freed = 0;
  staging_.set_room_freed([&] { ++freed; });
  const Bytes first = update(3 * kMiB, 1), second = update(2 * kMiB, 2);
  ASSERT_TRUE(receive_in_memory(first));
  staging_.need(ref_of(first).digest, a_);
  EXPECT_FALSE(staging_.reserve(ref_of(second)));
  EXPECT_EQ(freed, 0);
  staging_.done(ref_of(first).digest, a_);
  EXPECT_EQ(freed, 1);
  EXPECT_TRUE(staging_.reserve(ref_of(second)));
  staging_.set_room_freed({});
}

TEST_F(StagingTest, IsForgottenWhenNoSiteNeedsItAnyMore) {
  const Bytes bytes = update(1000);
  const Digest digest = ref_of(bytes).digest;
  ASSERT_TRUE(receive_in_memory(bytes));
  staging_.need(digest, a_);
  staging_.need(digest, a_);
  staging_.need(digest, b_);
  staging_.need(digest, other_job_);
  staging_.done(digest, other_job_);
  staging_.done(digest, a_);
  EXPECT_TRUE(staging_.contains(digest)) << "the other site's is not in the sum";
  staging_.done(digest, b_);
  EXPECT_FALSE(staging_.contains(digest));
  staging_.done(digest, b_);
}

// One site's is in the sum while another site with the same bytes is accepted.
TEST_F(StagingTest, WhoeverBeginsToNeedItMeanwhileKeepsIt) {
  const Bytes bytes = update(1000);
  const Digest digest = ref_of(bytes).digest;
  for (int i = 0; i < 3'000; ++i) {
    ASSERT_TRUE(receive_in_memory(bytes));
    staging_.need(digest, a_);
    std::atomic<bool> go = false;
    std::thread summed([&] {
      while (!go) {
      }
      staging_.done(digest, a_);
    });
    go = true;
    staging_.need(digest, b_);
    const bool was_there = staging_.contains(digest);
    summed.join();
    ASSERT_EQ(staging_.contains(digest), was_there) << i;
    staging_.done(digest, b_);
  }
}

TEST_F(StagingTest, OtherBytesThanAnnouncedAreRefused) {
  const Bytes bytes = update(kMiB + 5);
  Bytes wrong = bytes;
  wrong[kMiB] ^= std::byte{1};
  ASSERT_TRUE(staging_.reserve(ref_of(bytes)));
  {
    const auto writer = staging_.receive(ref_of(bytes));
    ASSERT_TRUE(append(**writer, wrong, wrong.size()));
    EXPECT_EQ((*writer)->append(update(1)).error().code, ErrorCode::kDataLoss);
    EXPECT_EQ((*writer)->commit().error().code, ErrorCode::kDataLoss);
  }
  EXPECT_FALSE(staging_.contains(ref_of(bytes).digest));
  EXPECT_THAT(files(), IsEmpty());
  ASSERT_TRUE(receive(bytes)) << "and the right ones come to the same place";
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(StagingTest, WhatIsKeptForLargeOnesIsThereForSmallOnesToo) {
  const Bytes large = update(4 * kMiB), small = update(1000);
  ASSERT_TRUE(receive_in_memory(large));
  ASSERT_TRUE(staging_.remove(ref_of(large).digest));
  ASSERT_TRUE(receive_in_memory(small));
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(StagingTest, TheMemoryKeptForTheNextCanBeGivenBack) {
  const Bytes bytes = update(4 * kMiB);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(receive_in_memory(bytes));
    EXPECT_THAT(files(), IsEmpty());
    ASSERT_TRUE(staging_.remove(ref_of(bytes).digest));
    if (i == 1) staging_.trim();
  }
}

}  // namespace
}  // namespace tributary
