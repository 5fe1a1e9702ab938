// SPDX-License-Identifier: Apache-2.0
#include "common/storage/blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "common/base/limits.h"
#include "common/crypto/digest.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

class BlobStoreTest : public testing::Test {
 protected:
  BlobRef ref(std::string_view text) { return {sha256(as_bytes(text)), text.size()}; }
  void restart() { store_ = *BlobStore::open(disk_, directory_ / "blobs"); }

  TemporaryDirectory directory_;
  FullDisk disk_;
  std::unique_ptr<BlobStore> store_ = *BlobStore::open(disk_, directory_ / "blobs");
};

TEST_F(BlobStoreTest, PutsAndReads) {
  const auto digest = store_->put(as_bytes("hello"));
  ASSERT_TRUE(digest);
  EXPECT_EQ(*digest, sha256(as_bytes("hello")));
  EXPECT_TRUE(store_->contains(*digest));
  EXPECT_EQ(as_text(*store_->read(*digest)), "hello");
  EXPECT_THAT(*store_->list(), ElementsAre(*digest));
  ASSERT_TRUE(store_->remove(*digest));
  EXPECT_FALSE(store_->contains(*digest));
}

TEST_F(BlobStoreTest, ReceivesAndGoesOnWhereItStopped) {
  const BlobRef blob = ref("hello world");
  {
    auto writer = store_->receive(blob);
    ASSERT_TRUE((*writer)->append(as_bytes("hello")));
  }
  EXPECT_FALSE(store_->contains(blob.digest));
  auto writer = store_->receive(blob);
  EXPECT_EQ((*writer)->size(), 5u);
  EXPECT_EQ((*writer)->commit().error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE((*writer)->append(as_bytes(" world")));
  ASSERT_TRUE((*writer)->commit());
  EXPECT_EQ(as_text(*store_->read(blob.digest)), "hello world");
}

TEST_F(BlobStoreTest, AdoptsAFileUnderASecondName) {
  const std::string file = directory_ / "model";
  ASSERT_TRUE(disk_.write_durably(file, as_bytes("hello")));
  const BlobRef blob = ref("hello");
  disk_.room = 0;  // nothing is copied
  ASSERT_TRUE(store_->adopt(blob, file));
  EXPECT_EQ(as_text(*store_->read(blob.digest)), "hello");
  EXPECT_FALSE(store_->adopt(blob, file)) << "it is there";
  ASSERT_TRUE(store_->remove(blob.digest));
  EXPECT_FALSE(store_->contains(blob.digest));
  EXPECT_TRUE(disk_.exists(file)) << "it is the caller's";
  EXPECT_FALSE(store_->adopt(blob, directory_ / "missing"));
}

TEST_F(BlobStoreTest, WrongBytesAreThrownAway) {
  const BlobRef blob = ref("hello");
  {
    auto writer = store_->receive(blob);
    ASSERT_TRUE((*writer)->append(as_bytes("hellO")));
    EXPECT_EQ((*writer)->commit().error().code, ErrorCode::kDataLoss);
  }
  EXPECT_FALSE(store_->contains(blob.digest));
  EXPECT_EQ((*store_->receive(blob))->size(), 0u);
}

TEST_F(BlobStoreTest, MoreBytesThanAnnouncedAreRefused) {
  auto writer = store_->receive(ref("abc"));
  EXPECT_EQ((*writer)->append(as_bytes("abcd")).error().code, ErrorCode::kDataLoss);
}

TEST_F(BlobStoreTest, AFullDiskLosesNothingThatWasThere) {
  const BlobRef blob = ref("hello world");
  auto writer = store_->receive(blob);
  ASSERT_TRUE((*writer)->append(as_bytes("hello")));
  disk_.room = 2;
  EXPECT_EQ((*writer)->append(as_bytes(" world")).error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ((*writer)->size(), 5u);
  EXPECT_EQ(store_->put(as_bytes("something else")).error().code, ErrorCode::kResourceExhausted);
  disk_.room = 1000;
  ASSERT_TRUE((*writer)->append(as_bytes(" world")));
  ASSERT_TRUE((*writer)->commit());
  EXPECT_EQ(as_text(*store_->read(blob.digest)), "hello world");
}

TEST_F(BlobStoreTest, NoticesAChangedFile) {
  const Digest digest = *store_->put(as_bytes("hello"));
  std::ofstream(store_->path(digest)) << "hallo";
  EXPECT_EQ(store_->read(digest).error().code, ErrorCode::kDataLoss);
  EXPECT_FALSE(store_->contains(digest)) << "so that it is fetched again";
}

TEST_F(BlobStoreTest, VerifiesOnceInItsLife) {
  const Digest digest = *store_->put(as_bytes("hello"));
  disk_.reads_left = 0;
  EXPECT_TRUE(store_->open_verified(digest)) << "its bytes were seen as they came";
  restart();
  EXPECT_FALSE(store_->open_verified(digest)) << "what an earlier life left is read";
  EXPECT_TRUE(store_->contains(digest)) << "a disk that cannot be read says nothing of the bytes";
  disk_.reads_left = 1;
  EXPECT_TRUE(store_->open_verified(digest));
  EXPECT_TRUE(store_->open_verified(digest));
  disk_.reads_left = 100;
  restart();
  std::ofstream(store_->path(digest)) << "hullo";
  EXPECT_EQ(store_->open_verified(digest).error().code, ErrorCode::kDataLoss);
  EXPECT_FALSE(store_->contains(digest)) << "it can be fetched again";
}

TEST_F(BlobStoreTest, TwoMayReceiveTheSameBytesAtOnce) {
  const BlobRef blob = ref("hello world");
  {
    auto first = *store_->receive(blob), second = *store_->receive(blob);
    ASSERT_TRUE(first->append(as_bytes("hello")));
    ASSERT_TRUE(second->append(as_bytes("hello wor")));
    ASSERT_TRUE(first->append(as_bytes(" world")));
    ASSERT_TRUE(first->commit());
    EXPECT_EQ(as_text(*store_->read(blob.digest)), "hello world");
    ASSERT_TRUE(second->append(as_bytes("ld")));
    ASSERT_TRUE(second->commit());
  }
  EXPECT_EQ(as_text(*store_->read(blob.digest)), "hello world");
  EXPECT_EQ(disk_.list(directory_ / "blobs")->size(), 1u) << "no partial file stays";
}

TEST_F(BlobStoreTest, ManyThreadsMayPutTheSameBytes) {
  const std::string text(300'000, 'x');
  for (int turn = 0; turn < 20; ++turn) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] { EXPECT_TRUE(store_->put(as_bytes(text)).has_value()); });
    threads.clear();
    EXPECT_EQ(as_text(*store_->read(ref(text).digest)), text);
    ASSERT_TRUE(store_->remove(ref(text).digest));
  }
}

TEST_F(BlobStoreTest, AFailedPutLeavesNothingOnTheFullDisk) {
  disk_.room = 2;
  EXPECT_FALSE(store_->put(as_bytes("something")));
  EXPECT_TRUE(disk_.list(directory_ / "blobs")->empty());
}

TEST_F(BlobStoreTest, APartStaysOverARestart) {
  const BlobRef blob = ref("hello world");
  ASSERT_TRUE((*store_->receive(blob))->append(as_bytes("hello")));
  restart();
  EXPECT_FALSE(store_->contains(blob.digest));
  auto writer = *store_->receive(blob);
  EXPECT_EQ(writer->size(), 5u);
  ASSERT_TRUE(writer->append(as_bytes(" world")));
  ASSERT_TRUE(writer->commit());
  EXPECT_EQ(as_text(*store_->read(blob.digest)), "hello world");
}

TEST_F(BlobStoreTest, APartThatAPowerCutHasTornIsThrownAwayAtTheEnd) {
  const BlobRef blob = ref("hello world");
  ASSERT_TRUE((*store_->receive(blob))->append(as_bytes("hello")));
  std::ofstream(store_->path(blob.digest) + ".part", std::ios::binary) << std::string("hel\0\0", 5);
  restart();
  {
    auto writer = *store_->receive(blob);
    ASSERT_EQ(writer->size(), 5u);
    ASSERT_TRUE(writer->append(as_bytes(" world")));
    EXPECT_EQ(writer->commit().error().code, ErrorCode::kDataLoss);
  }
  EXPECT_EQ((*store_->receive(blob))->size(), 0u);
}

// Nobody could take it up: there is one name for what is continued.
TEST_F(BlobStoreTest, TheFileOfASecondWriterThatWasKilledGoesAtTheNextStart) {
  const BlobRef blob = ref("hello world");
  auto first = *store_->receive(blob), second = *store_->receive(blob);
  ASSERT_TRUE(first->append(as_bytes("hello")));
  ASSERT_TRUE(second->append(as_bytes("hel")));
  EXPECT_EQ(disk_.list(directory_ / "blobs")->size(), 2u);
  const auto next = *BlobStore::open(disk_, directory_ / "blobs");
  EXPECT_THAT(*disk_.list(directory_ / "blobs"), ElementsAre(blob.digest.hex() + ".part"));
  EXPECT_EQ((*next->receive(blob))->size(), 5u);
}

TEST_F(BlobStoreTest, ListsAndRemovesWholeBlobsAndParts) {
  const Digest whole = *store_->put(as_bytes("whole"));
  const BlobRef part = ref("partial"), both = ref("both");
  auto late = *store_->receive(both);
  ASSERT_TRUE((*store_->receive(part))->append(as_bytes("par")));
  ASSERT_TRUE(store_->put(as_bytes("both")));
  EXPECT_THAT(*store_->list(), UnorderedElementsAre(whole, part.digest, both.digest));
  for (const Digest& digest : {whole, part.digest}) ASSERT_TRUE(store_->remove(digest));
  EXPECT_THAT(*store_->list(), ElementsAre(both.digest));
  EXPECT_EQ((*store_->receive(part))->size(), 0u);
}

TEST_F(BlobStoreTest, APartThatAWriterIsAtStays) {
  const BlobRef blob = ref("hello world");
  auto writer = *store_->receive(blob);
  ASSERT_TRUE(writer->append(as_bytes("hello")));
  ASSERT_TRUE(store_->remove(blob.digest));
  ASSERT_TRUE(writer->append(as_bytes(" world")));
  ASSERT_TRUE(writer->commit());
  EXPECT_EQ(as_text(*store_->read(blob.digest)), "hello world");
}

TEST_F(BlobStoreTest, PartsAreSyncedEverySoManyBytes) {
  const Bytes step(1u << 20);
  auto writer = *store_->receive({Digest{}, 4 * limits::kPartialSyncBytes});
  while (writer->size() + step.size() < limits::kPartialSyncBytes)
    ASSERT_TRUE(writer->append(step));
  EXPECT_EQ(disk_.syncs, 0);
  ASSERT_TRUE(writer->append(step));
  EXPECT_EQ(disk_.syncs, 1);
  while (writer->size() < 2 * limits::kPartialSyncBytes) ASSERT_TRUE(writer->append(step));
  EXPECT_EQ(disk_.syncs, 2);
}

}  // namespace
}  // namespace tributary
