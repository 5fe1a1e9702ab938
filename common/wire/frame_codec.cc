// SPDX-License-Identifier: Apache-2.0
#include "common/wire/frame_codec.h"

#include <string>

#include "common/base/assert.h"
#include "common/base/limits.h"

namespace tributary {

std::array<std::byte, kFrameHeaderBytes> encode_frame_header(const FrameHeader& header) {
  std::array<std::byte, kFrameHeaderBytes> bytes{};
  put_little_endian(bytes.data(), header.payload_bytes);
  bytes[4] = static_cast<std::byte>(header.kind);
  put_little_endian(bytes.data() + 8, header.stream);
  return bytes;
}

Result<FrameHeader> decode_frame_header(std::span<const std::byte, kFrameHeaderBytes> bytes) {
  const auto wrong = [](const std::string& what) {
    return make_error(ErrorCode::kProtocol, "frame header: " + what);
  };
  FrameHeader header;
  header.payload_bytes = get_little_endian<std::uint32_t>(bytes.data());
  header.stream = get_little_endian<std::uint32_t>(bytes.data() + 8);
  const auto kind = std::to_integer<unsigned>(bytes[4]);
  if (kind != 1 && kind != 2) return wrong("unknown kind " + std::to_string(kind));
  header.kind = static_cast<FrameKind>(kind);
  if (bytes[5] != std::byte{0} || bytes[6] != std::byte{0} || bytes[7] != std::byte{0}) {
    return wrong("flags and reserved bytes must be 0");
  }
  const bool control = header.kind == FrameKind::kControl;
  const std::size_t most = control ? limits::kControlBytesMax : limits::kChunkBytesMax;
  if (header.payload_bytes == 0 || header.payload_bytes > most) {
    return wrong("a payload of " + std::to_string(header.payload_bytes) + " bytes; 1 to " +
                 std::to_string(most) + " are allowed");
  }
  if (control && header.stream != 0) return wrong("a control frame names a stream");
  return header;
}

ByteView encode_frame(Chunk& chunk, std::uint32_t stream) {
  static_assert(kFrameHeaderBytes <= Chunk::kHeaderRoom);
  TRIB_ASSERT(chunk.size() > 0 && chunk.size() <= limits::kChunkBytesMax,
              "a chunk of no possible size");
  return chunk.with_header(
      encode_frame_header({static_cast<std::uint32_t>(chunk.size()), FrameKind::kChunk, stream}));
}

}  // namespace tributary
