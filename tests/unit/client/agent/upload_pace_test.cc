// SPDX-License-Identifier: Apache-2.0
#include "client/agent/upload_pace.h"

#include <gtest/gtest.h>

#include <list>
#include <vector>

namespace tributary {
namespace {

constexpr std::size_t kChunk = 64u << 10;

// Takes whatever the sources give, as a link that is never the bottleneck.
class FastLink final : public TransferPort {
 public:
  std::size_t bytes = 0;
  std::vector<Message> sent;
  std::list<std::pair<std::uint32_t, ChunkSource>> sources;

  Status send(const Message& message) override {
    sent.push_back(message);
    return {};
  }
  void add_source(std::uint32_t stream, ChunkSource source) override {
    sources.emplace_back(stream, std::move(source));
  }
  void remove_source(std::uint32_t stream) override {
    sources.remove_if([stream](const auto& one) { return one.first == stream; });
  }
  void drain() {
    std::vector<std::byte> room(kChunk);
    while (!sources.empty()) {
      const Result<std::size_t> size = sources.front().second(room);
      ASSERT_TRUE(size);
      bytes += *size;
      if (*size == 0) sources.pop_front();
    }
  }
};

// So many bytes.
ChunkSource blob(std::size_t bytes) {
  return [left = bytes](MutableByteView into) mutable -> Result<std::size_t> {
    const std::size_t size = std::min(left, into.size());
    left -= size;
    return size;
  };
}

class UploadPaceTest : public testing::Test {
 protected:
  ManualClock clock_;
  Result<std::optional<std::int64_t>> rate_ = std::optional<std::int64_t>(1'000'000);
  int asked_ = 0;
  UploadPace pace_{clock_, [this] {
                     ++asked_;
                     return rate_;
                   }};
  FastLink link_;
  std::optional<PacedPort> port_{std::in_place, link_, pace_};

  // What leaves in so many ticks of 50 ms.
  std::size_t pass(int ticks) {
    const std::size_t before = link_.bytes;
    for (int tick = 0; tick < ticks; ++tick) {
      clock_.advance(Milliseconds(50));
      port_->go_on();
      link_.drain();
    }
    return link_.bytes - before;
  }
};

TEST_F(UploadPaceTest, ABlobLeavesAtTheRateAndWhole) {
  port_->add_source(1, blob(3'000'000));
  const std::size_t first = pass(20);
  EXPECT_LE(first, 1'250'000u);
  EXPECT_GE(first, 750'000u);
  pass(60);
  EXPECT_EQ(link_.bytes, 3'000'000u);
}

TEST_F(UploadPaceTest, BlobsShareTheRateAndMessagesDoNotWait) {
  port_->add_source(1, blob(5'000'000));
  port_->add_source(2, blob(5'000'000));
  EXPECT_LE(pass(40), 2'250'000u);
  EXPECT_TRUE(port_->send(Heartbeat{1, false}));
  EXPECT_EQ(link_.sent.size(), 1u);
}

TEST_F(UploadPaceTest, ASlowRateLetsSmallPiecesThrough) {
  rate_ = std::optional<std::int64_t>(1'024);
  port_->add_source(1, blob(3'000));
  EXPECT_LE(pass(20), 1'024u + 256u);
  pass(60);
  EXPECT_EQ(link_.bytes, 3'000u);
}

TEST_F(UploadPaceTest, AFastRateIsReachedInSpiteOfTheTicks) {
  rate_ = std::optional<std::int64_t>(1'000'000'000);
  port_->add_source(1, blob(900'000'000));
  pass(20);
  EXPECT_EQ(link_.bytes, 900'000'000u);
}

TEST_F(UploadPaceTest, TheRateIsAskedForAgainAndHoldsWhereItCannotBeTold) {
  port_->add_source(1, blob(100'000'000));
  pass(20);
  rate_ = make_error(ErrorCode::kInvalidArgument, "half a file");
  pass(21);
  EXPECT_LE(pass(20), 1'250'000u);
  rate_ = std::optional<std::int64_t>();
  pass(21);
  EXPECT_EQ(link_.bytes, 100'000'000u) << "no limit any more";
  EXPECT_LE(asked_, 6);
}

TEST_F(UploadPaceTest, WhatWasCancelledOrHasLostItsLinkSendsNothing) {
  port_->add_source(1, blob(5'000'000));
  pass(10);
  port_->remove_source(1);
  EXPECT_EQ(pass(20), 0u);
  port_->add_source(2, blob(5'000'000));
  port_.reset();
  const std::size_t before = link_.bytes;
  link_.drain();
  EXPECT_EQ(link_.bytes, before);
}

}  // namespace
}  // namespace tributary
