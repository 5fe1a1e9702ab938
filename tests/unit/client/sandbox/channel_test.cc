// SPDX-License-Identifier: Apache-2.0
#include "client/sandbox/channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

namespace tributary {
namespace {

class ChannelTest : public testing::Test {
 protected:
  ChannelTest() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0); }

  int ends_[2] = {-1, -1};
};

TEST_F(ChannelTest, FramesLargerThanTheSocketsBufferArriveWhole) {
  Channel here(ends_[0]), there(ends_[1]);
  std::vector<float> values(3'000'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  std::thread sender([&] {
    EXPECT_TRUE(here.send(7, as_bytes("head")));
    EXPECT_TRUE(here.send(8, std::as_bytes(std::span(values))));
    EXPECT_TRUE(here.send(9, {}));
  });
  const auto head = there.receive();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->kind, 7u);
  EXPECT_EQ(as_text(head->bytes), "head");
  std::vector<float> got;
  ASSERT_TRUE(there.receive_values(8, got));
  EXPECT_EQ(got, values);
  EXPECT_TRUE(there.receive()->bytes.empty());
  sender.join();
}

TEST_F(ChannelTest, AFrameBeyondItsBoundIsRefused) {
  Channel here(ends_[0]), there(ends_[1]);
  ASSERT_TRUE(here.send(1, as_bytes("12345")));
  EXPECT_EQ(there.receive(4).error().code, ErrorCode::kProtocol);
}

TEST_F(ChannelTest, ValuesComeInFramesOfTheirKindAndWhole) {
  Channel here(ends_[0]), there(ends_[1]);
  std::vector<float> values;
  ASSERT_TRUE(here.send(1, {}));
  EXPECT_EQ(there.receive_values(2, values).error().code, ErrorCode::kProtocol);
  ASSERT_TRUE(here.send(1, as_bytes("12345")));
  EXPECT_EQ(there.receive_values(1, values).error().code, ErrorCode::kProtocol);
}

TEST_F(ChannelTest, TheEndOfTheOtherSideIsAnError) {
  Channel here(ends_[0]);
  {
    Channel there(ends_[1]);
    ASSERT_TRUE(there.send(1, as_bytes("1")));
  }
  EXPECT_TRUE(here.receive());
  EXPECT_TRUE(here.readable(Milliseconds(0)));
  EXPECT_EQ(here.receive().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(here.send(1, as_bytes("1")).error().code, ErrorCode::kUnavailable);
}

TEST_F(ChannelTest, AWaitCanBeGivenUpInBothDirections) {
  int asked = 0;
  Channel here(ends_[0], [&asked] { return ++asked > 2; });
  const Channel there(ends_[1]);
  EXPECT_EQ(here.receive().error().code, ErrorCode::kCancelled);
  asked = 0;
  const Bytes large(16u << 20);
  EXPECT_EQ(here.send(1, large).error().code, ErrorCode::kCancelled) << "nobody reads";
}

}  // namespace
}  // namespace tributary
