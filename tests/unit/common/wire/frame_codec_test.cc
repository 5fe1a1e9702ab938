// SPDX-License-Identifier: Apache-2.0
#include "common/wire/frame_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/limits.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

TEST(FrameCodec, WritesTheGrammarByteByByte) {
  const auto bytes = encode_frame_header({0x01020304, FrameKind::kChunk, 0x0a0b0c0d});
  EXPECT_EQ(to_hex(bytes),
            "040302010200"
            "0000"
            "0d0c0b0a");
}

TEST(FrameCodec, RoundTripsAndRefuses) {
  for (const FrameHeader& header : {FrameHeader{1, FrameKind::kControl, 0},
                                    FrameHeader{limits::kChunkBytesMax, FrameKind::kChunk, 7}}) {
    EXPECT_EQ(*decode_frame_header(encode_frame_header(header)), header);
  }
  EXPECT_FALSE(decode_frame_header(encode_frame_header({0, FrameKind::kControl, 0})));
  EXPECT_FALSE(decode_frame_header(
      encode_frame_header({limits::kControlBytesMax + 1, FrameKind::kControl, 0})));
  EXPECT_FALSE(
      decode_frame_header(encode_frame_header({limits::kChunkBytesMax + 1, FrameKind::kChunk, 1})));
  EXPECT_FALSE(decode_frame_header(encode_frame_header({1, FrameKind::kControl, 1})));
  EXPECT_FALSE(decode_frame_header(encode_frame_header({1, static_cast<FrameKind>(3), 0})));
  auto flagged = encode_frame_header({1, FrameKind::kControl, 0});
  flagged[5] = std::byte{1};
  EXPECT_EQ(decode_frame_header(flagged).error().code, ErrorCode::kProtocol);
}

TEST(FrameCodec, AChunkIsAFrameWithItsHeaderInFront) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, limits::kChunkBytesMax}) {
    Bytes content(size);
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<std::byte>(i * 7);
    Chunk chunk = Chunk::of(content);
    const ByteView frame = encode_frame(chunk, 9);
    ASSERT_EQ(frame.size(), kFrameHeaderBytes + size);
    const auto header = decode_frame_header(frame.first<kFrameHeaderBytes>());
    ASSERT_TRUE(header) << header.error().message;
    EXPECT_EQ(*header, (FrameHeader{static_cast<std::uint32_t>(size), FrameKind::kChunk, 9}));
    EXPECT_TRUE(std::ranges::equal(frame.subspan(kFrameHeaderBytes), content));
  }
}

}  // namespace
}  // namespace tributary
