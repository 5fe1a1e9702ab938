// SPDX-License-Identifier: Apache-2.0
#include "common/base/assert.h"
#include "common/wire/frame_codec.h"
#include "common/wire/message_codec.h"
#include "tests/fuzz/targets.h"

namespace tributary {

// What a link reads: header, payload, header, payload.
bool fuzz_frames(ByteView bytes) {
  while (bytes.size() >= kFrameHeaderBytes) {
    const auto start = bytes.first<kFrameHeaderBytes>();
    const Result<FrameHeader> header = decode_frame_header(start);
    if (!header) return false;
    TRIB_ASSERT(std::ranges::equal(encode_frame_header(*header), start), "another header");
    bytes = bytes.subspan(kFrameHeaderBytes);
    if (bytes.size() < header->payload_bytes) return false;
    const ByteView payload = bytes.first(header->payload_bytes);
    if (header->kind == FrameKind::kControl && !decode_message(payload)) return false;
    bytes = bytes.subspan(header->payload_bytes);
  }
  return bytes.empty();
}

bool fuzz_messages(ByteView bytes) {
  const Result<Message> message = decode_message(bytes);
  if (!message) return false;
  TRIB_ASSERT(encode_message(*message).has_value(), "what is understood can be said again");
  return true;
}

}  // namespace tributary
