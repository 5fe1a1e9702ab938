// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/upload_grants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/crypto/digest.h"
#include "common/transfer/blob_transfers.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t kLarge = std::uint64_t{1} << 40;

class Grants : public testing::Test {
 protected:
  UploadGrants::Ticket ask(int name, std::uint64_t bytes = kLarge) {
    return grants_.ask(blob(name, bytes), Lodging::kDisk,
                       [this, name] { started_.push_back(name); });
  }
  UploadGrants::Ticket ask_for_memory(int name, std::uint64_t bytes = 100) {
    return grants_.ask(blob(name, bytes), Lodging::kMemory,
                       [this, name] { started_.push_back(name); });
  }
  static BlobRef blob(int name, std::uint64_t bytes) {
    return {sha256(as_bytes(std::to_string(name))), bytes};
  }
  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> files_ = make_file_system(Durability::kNone);
  Staging staging_{*BlobStore::open(*files_, directory_ / "blobs"), 150};
  ManualClock clock_;
  UploadGrants grants_{2 * BlobTransfers::kHeldBytesMax, staging_, clock_};
  std::vector<int> started_;
};

TEST_F(Grants, RunAsManyAsTheBudgetHoldsAndTheOthersInTheirOrder) {
  const auto first = ask(1);
  const auto second = ask(2);
  ask(3);
  ask(4);
  EXPECT_THAT(started_, ElementsAre(1, 2));
  EXPECT_EQ(grants_.waiting(), 2u);
  grants_.end(second);
  EXPECT_THAT(started_, ElementsAre(1, 2, 3));
  grants_.end(first);
  grants_.end(first);
  EXPECT_THAT(started_, ElementsAre(1, 2, 3, 4)) << "an end that is told twice frees one place";
  EXPECT_EQ(grants_.running(), 2u);
}

TEST_F(Grants, SmallUploadsTakeWhatTheyHaveAndNoneOvertakesALargeOne) {
  ask(1);
  for (int i = 0; i < 100; ++i) ask(2, 1000);
  EXPECT_EQ(started_.size(), 101u);
  ask(3);
  ask(4, 10);
  EXPECT_EQ(started_.size(), 101u) << "the large one would wait for ever";
}

TEST_F(Grants, WhoeverLeavesTheQueueIsNotStarted) {
  const auto first = ask(1);
  const auto second = ask(2);
  const auto third = ask(3);
  grants_.end(third);
  grants_.end(first);
  grants_.end(second);
  EXPECT_THAT(started_, ElementsAre(1, 2));
  EXPECT_EQ(grants_.running(), 0u);
}

TEST_F(Grants, OneThatIsLargerThanTheBudgetRunsAlone) {
  UploadGrants tiny(1, staging_, clock_);
  int started = 0;
  const auto first = tiny.ask(blob(1, kLarge), Lodging::kDisk, [&] { ++started; });
  tiny.ask(blob(2, kLarge), Lodging::kDisk, [&] { ++started; });
  EXPECT_EQ(started, 1);
  tiny.end(first);
  EXPECT_EQ(started, 2);
}

// Those that wait for room stand in nobody's way, and do not wait for ever.
TEST_F(Grants, WhatMayLieInMemoryWaitsAWhileForRoomThere) {
  const Milliseconds wait = UploadGrants::memory_wait(100);
  const auto first = ask_for_memory(1);
  ask_for_memory(2);
  clock_.advance(wait / 2);
  ask_for_memory(3);
  ask(4, 10);
  EXPECT_THAT(started_, ElementsAre(1, 4));
  EXPECT_EQ(grants_.waiting(), 2u);
  EXPECT_EQ(grants_.next_wake(), TimePoint{} + wait);
  clock_.advance(wait / 2);
  grants_.pass_time();
  EXPECT_THAT(started_, ElementsAre(1, 4, 2)) << "on the disk";
  grants_.end(first);
  EXPECT_THAT(started_, ElementsAre(1, 4, 2, 3)) << "in the room of the first";
  EXPECT_EQ(grants_.next_wake(), std::nullopt);
  ask_for_memory(5, 151);
  EXPECT_EQ(started_.back(), 5) << "what never fits does not wait";
}

// However many wait: a place that changes hands that fast is worth it.
TEST_F(Grants, WhileThoseInMemoryAreFastTheOthersWait) {
  const Milliseconds wait = UploadGrants::memory_wait(100);
  std::vector<UploadGrants::Ticket> tickets;
  for (int i = 0; i < 20; ++i) tickets.push_back(ask_for_memory(i));
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(started_.size(), i + 1);
    clock_.advance(wait / 2);
    grants_.pass_time();
    EXPECT_EQ(started_.size(), i + 1) << "they wait";
    grants_.end(tickets[i]);
  }
  clock_.advance(wait);
  grants_.pass_time();
  EXPECT_EQ(started_.size(), 20u) << "the last is slow: all others go to the disk";
}

TEST_F(Grants, ALargeUploadMayTakeLonger) {
  EXPECT_GE(UploadGrants::memory_wait(1'000'000'000), 10 * UploadGrants::memory_wait(0));
}

// What is here already is over before its start returns.
TEST_F(Grants, AnUploadThatEndsAtOnceLetsTheNextOneGo) {
  int started = 0;
  std::vector<UploadGrants::Ticket> tickets;
  const auto hold1 = ask(1);
  const auto hold2 = ask(2);
  for (int i = 0; i < 10'000; ++i) {
    tickets.push_back(0);
    tickets.back() = grants_.ask(blob(3, kLarge), Lodging::kDisk, [&, i] {
      ++started;
      grants_.end(tickets[static_cast<std::size_t>(i)]);
    });
  }
  grants_.end(hold1);
  EXPECT_EQ(started, 10'000) << "without a call inside a call inside a call";
  grants_.end(hold2);
  EXPECT_EQ(grants_.running(), 0u);
}

}  // namespace
}  // namespace tributary
