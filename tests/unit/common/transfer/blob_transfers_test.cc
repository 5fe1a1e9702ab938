// SPDX-License-Identifier: Apache-2.0
// Both sides of the blob protocol over a list of messages instead of a link.
#include "common/transfer/blob_transfers.h"

#include <gtest/gtest.h>

#include <limits>

#include "common/base/limits.h"
#include "common/crypto/digest.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

struct Port final : TransferPort {
  std::deque<Message> sent;
  std::map<std::uint32_t, ChunkSource> sources;
  Status send(const Message& message) override {
    sent.push_back(message);
    return {};
  }
  void add_source(std::uint32_t stream, ChunkSource source) override {
    sources[stream] = std::move(source);
  }
  void remove_source(std::uint32_t stream) override { sources.erase(stream); }
  bool paused = false;
  void pause_reading() override { paused = true; }
  void resume_reading() override { paused = false; }
};

// Work that is done later, as another thread would.
struct LaterQueue {
  std::deque<std::pair<std::function<void()>, std::function<void()>>> work;
  void operator()(std::function<void()> one, std::function<void()> then) {
    work.emplace_back(std::move(one), std::move(then));
  }
  bool do_one() {
    if (work.empty()) return false;
    auto [one, then] = std::move(work.front());
    work.pop_front();
    one();
    one = nullptr;
    then();
    return true;
  }
};

// Each with the disk on the link's thread, and beside it.
class Transfers : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    content_.resize(5000);
    for (std::size_t i = 0; i < content_.size(); ++i) content_[i] = static_cast<std::byte>(i * 31);
    blob_ = {*from_store_->put(content_), content_.size()};
  }
  static Result<std::unique_ptr<ReadFile>> refuse(const Digest&) {
    return make_error(ErrorCode::kPermissionDenied, "not yours");
  }
  // A fresh link between the two stores.
  void connect() {
    to_port_ = {};
    from_port_ = {};
    asker_ = std::make_unique<BlobTransfers>(
        *to_store_, to_port_, refuse,
        [this](const BlobRef&, const Status& outcome) { outcomes_.push_back(outcome); },
        BlobTransfers::Options{
            [this](const BlobRef&, std::uint64_t offset) { resumed_at_.push_back(offset); },
            GetParam() ? BlobTransfers::WorkQueue(std::ref(queue_)) : BlobTransfers::WorkQueue{}});
    server_ = std::make_unique<BlobTransfers>(
        *from_store_, from_port_,
        [this](const Digest& digest) {
          return may_ ? from_store_->open_blob(digest) : refuse(digest);
        },
        [](const BlobRef&, const Status&) {});
  }
  // Both sides are killed and started again, after which the last bytes that had arrived are zeros.
  void restart(std::size_t torn) {
    asker_.reset();
    server_.reset();
    const std::string part = to_store_->path(blob_.digest) + ".part";
    const auto have = static_cast<std::size_t>(*disk_.file_size(part));
    const Bytes zeros(torn);
    ASSERT_TRUE((*disk_.open_append(part, have - torn))->append(zeros));
    to_store_ = *BlobStore::open(disk_, directory_ / "to");
    from_store_ = *BlobStore::open(disk_, directory_ / "from");
    connect();
  }
  // Moves what is under way, at most so many chunks of 1000 bytes.
  void move(int chunks) {
    for (bool busy = true; busy;) {
      busy = false;
      for (; !to_port_.sent.empty(); to_port_.sent.pop_front(), busy = true) {
        ASSERT_TRUE(server_->on_message(to_port_.sent.front()));
      }
      for (; !from_port_.sent.empty(); from_port_.sent.pop_front(), busy = true) {
        ASSERT_TRUE(asker_->on_message(from_port_.sent.front()));
      }
      for (auto& [stream, source] : from_port_.sources) {
        if (chunks == 0) {
          while (queue_.do_one()) {
          }
          return;
        }
        if (to_port_.paused) continue;
        Bytes chunk(1000);
        chunk.resize(*source(chunk));
        if (chunk.empty()) continue;
        --chunks;
        bytes_moved_ += chunk.size();
        busy = true;
        Bytes seen = chunk;
        if (bytes_moved_ <= corrupt_until_) seen[0] ^= std::byte{1};
        ASSERT_TRUE(asker_->on_chunk(stream, Chunk::of(seen)));
      }
      if (!busy) busy = queue_.do_one();
    }
  }

  TemporaryDirectory directory_;
  FullDisk disk_;
  std::unique_ptr<BlobStore> from_store_ = *BlobStore::open(disk_, directory_ / "from");
  std::unique_ptr<BlobStore> to_store_ = *BlobStore::open(disk_, directory_ / "to");
  Port to_port_, from_port_;
  std::unique_ptr<BlobTransfers> asker_, server_;
  std::vector<Status> outcomes_;
  Bytes content_;
  BlobRef blob_;
  std::vector<std::uint64_t> resumed_at_;
  bool may_ = true;
  LaterQueue queue_;
  std::size_t bytes_moved_ = 0, corrupt_until_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Disk, Transfers, testing::Bool(),
                         [](const auto& param) { return param.param ? "Beside" : "OnTheLink"; });

TEST_P(Transfers, GoOnAtTheByteWhereALinkBroke) {
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(3);
  EXPECT_TRUE(outcomes_.empty());
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(100);
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_TRUE(outcomes_[0]);
  EXPECT_EQ(*to_store_->read(blob_.digest), content_);
  EXPECT_EQ(bytes_moved_, content_.size()) << "no byte travelled twice";
  EXPECT_EQ(resumed_at_, std::vector<std::uint64_t>{3000});
}

TEST_P(Transfers, GoOnAtTheByteWhereBothSidesWereKilled) {
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(3);
  restart(0);
  ASSERT_TRUE(asker_->fetch(blob_));
  move(100);
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_TRUE(outcomes_[0]);
  EXPECT_EQ(bytes_moved_, content_.size());
  EXPECT_EQ(resumed_at_, std::vector<std::uint64_t>{3000});
}

// All had arrived, and the process was killed before it could look at it.
TEST_P(Transfers, OfABlobThatOnlyMissesItsCheckNothingIsSent) {
  ASSERT_TRUE((*to_store_->receive(blob_))->append(content_));
  restart(0);
  ASSERT_TRUE(asker_->fetch(blob_));
  move(100);
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_TRUE(outcomes_[0]);
  EXPECT_EQ(bytes_moved_, 0u);
}

TEST_P(Transfers, TornBytesOfAnEarlierLifeAreFetchedFromTheStart) {
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(3);
  restart(500);
  ASSERT_TRUE(asker_->fetch(blob_));
  move(100);
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_TRUE(outcomes_[0]);
  EXPECT_EQ(*to_store_->read(blob_.digest), content_);
  EXPECT_EQ(bytes_moved_, 2 * content_.size()) << "once with the torn ones, once without";
}

TEST_P(Transfers, TornBytesOfAnEarlierLifeCostThePeerNoTry) {
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(3);
  restart(500);
  // The peer's own tries are all wrong but the last.
  corrupt_until_ = content_.size() * (1 + limits::kBlobRetries);
  ASSERT_TRUE(asker_->fetch(blob_));
  move(100);
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_TRUE(outcomes_[0]);
  EXPECT_EQ(bytes_moved_, content_.size() * (2 + limits::kBlobRetries));
}

TEST_P(Transfers, WhatIsNotOfferedIsRefused) {
  connect();
  may_ = false;
  ASSERT_TRUE(asker_->fetch(blob_));
  move(100);
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(outcomes_[0].error().code, ErrorCode::kNotFound);
}

TEST_P(Transfers, WrongBytesAreAskedForAgainAndThenGivenUp) {
  connect();
  corrupt_until_ = std::numeric_limits<std::size_t>::max();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(100);
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(outcomes_[0].error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(bytes_moved_, content_.size() * (1 + limits::kBlobRetries));
}

TEST_P(Transfers, AFullDiskIsToldAndNothingIsLost) {
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(2);
  disk_.room = 500;
  move(100);
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(outcomes_[0].error().code, ErrorCode::kResourceExhausted);
  disk_.room = 1u << 20;
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(100);
  EXPECT_TRUE(outcomes_.back());
  // Beside the link, what follows is on its way already.
  EXPECT_LE(bytes_moved_, content_.size() + (GetParam() ? 4000 : 1000))
      << "only what did not fit came again";
}

TEST_P(Transfers, AfterAFullDiskNothingIsWrittenBehindTheGap) {
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(1);
  for (int i = 0; i < 3; ++i) {  // three chunks come before the disk is looked at
    Bytes chunk(1000);
    ASSERT_EQ(*from_port_.sources.at(1)(chunk), 1000u);
    if (i == 0) disk_.room = 500;
    ASSERT_TRUE(asker_->on_chunk(1, Chunk::of(chunk)));
    if (i == 0) queue_.do_one();
    disk_.room = 1u << 20;
  }
  while (queue_.do_one()) {
  }
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(outcomes_[0].error().code, ErrorCode::kResourceExhausted);
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(100);
  EXPECT_TRUE(outcomes_.back());
  EXPECT_EQ(resumed_at_, std::vector<std::uint64_t>{1000});
  EXPECT_EQ(*to_store_->read(blob_.digest), content_);
}

TEST_P(Transfers, ASenderThatIsFasterThanTheDiskWaits) {
  content_ = Bytes(BlobTransfers::kUnwrittenBytesMax + 1000, std::byte{7});
  blob_ = {*from_store_->put(content_), content_.size()};
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(0);
  Bytes chunk(limits::kChunkBytesMax / 4);
  // No more than has room beside the largest chunk that there is.
  constexpr std::size_t kTaken = BlobTransfers::kUnwrittenBytesMax - limits::kChunkBytesMax;
  for (std::size_t taken = 0; taken <= kTaken; taken += chunk.size()) {
    EXPECT_FALSE(to_port_.paused) << taken;
    ASSERT_EQ(*from_port_.sources.at(1)(chunk), chunk.size());
    ASSERT_TRUE(asker_->on_chunk(1, Chunk::of(chunk)));
  }
  EXPECT_EQ(to_port_.paused, GetParam());
  while (queue_.do_one()) {
  }
  EXPECT_FALSE(to_port_.paused);
  move(2000);
  EXPECT_TRUE(outcomes_.at(0));
}

TEST_P(Transfers, ASenderOfTinyChunksWaitsToo) {
  connect();
  ASSERT_TRUE(asker_->fetch(blob_));
  move(0);
  int waiting = 0;
  for (; !to_port_.paused && waiting < 100; ++waiting) {
    Bytes chunk(1);
    ASSERT_EQ(*from_port_.sources.at(1)(chunk), 1u);
    ASSERT_TRUE(asker_->on_chunk(1, Chunk::of(chunk)));
  }
  EXPECT_EQ(waiting, GetParam() ? 9 : 100) << "each holds a buffer and a place in the queue";
}

TEST_P(Transfers, BreachesOfTheGrammarAreErrors) {
  connect();
  EXPECT_TRUE(asker_->on_chunk(7, Chunk::of(content_)))
      << "a late chunk of a cancelled stream is no fault";
  ASSERT_TRUE(asker_->fetch(blob_));
  EXPECT_EQ(asker_->on_chunk(1, Chunk::of(content_)).error().code, ErrorCode::kProtocol)
      << "a chunk before blob_start";
  ASSERT_TRUE(server_->on_message(BlobRequest{1, blob_.digest, 0}));
  EXPECT_FALSE(server_->on_message(BlobRequest{1, blob_.digest, 0})) << "the stream is in use";
}

}  // namespace
}  // namespace tributary
