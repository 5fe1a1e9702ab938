// SPDX-License-Identifier: Apache-2.0
// The 12 bytes in front of every payload on a link (grammar: proto/README.md). Plain functions, any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/base/chunk.h"
#include "common/base/result.h"

namespace tributary {

enum class FrameKind : std::uint8_t { kControl = 1, kChunk = 2 };

inline constexpr std::size_t kFrameHeaderBytes = 12;

struct FrameHeader {
  std::uint32_t payload_bytes = 0;
  FrameKind kind = FrameKind::kControl;
  std::uint32_t stream = 0;  // chunks only
  bool operator==(const FrameHeader&) const = default;
};

std::array<std::byte, kFrameHeaderBytes> encode_frame_header(const FrameHeader& header);
// kProtocol for anything the grammar does not know, a payload over its limit among it.
Result<FrameHeader> decode_frame_header(std::span<const std::byte, kFrameHeaderBytes> bytes);

// The chunk as it goes out on this stream.
ByteView encode_frame(Chunk& chunk, std::uint32_t stream);

}  // namespace tributary
