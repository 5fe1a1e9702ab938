// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/encodings/blocks.h"

namespace tributary {
namespace {

constexpr QuantumBits kBits = QuantumBits::k4;

std::uint64_t stream_bytes(const EncodingSpec& spec, std::uint64_t values) {
  return block_stream_bytes(spec, kBits, values);
}

std::unique_ptr<ChunkEncoder> encoder(const EncodingSpec& spec, std::span<const float>,
                                      std::uint64_t seed) {
  return block_encoder(spec, kBits, seed);
}

std::unique_ptr<ChunkDecoder> decoder(const EncodingSpec& spec) {
  return block_decoder(spec, kBits);
}

}  // namespace

const UpdateEncoding& int4_update_encoding() {
  static constexpr UpdateEncoding kEncoding{
      .name = "int4",
      .help = "Whole numbers from -7 to 7 under one scale a block, rounded by chance",
      .plain = {},
      .block = 256,
      .sparse = false,
      .stream_bytes = stream_bytes,
      .encoder = encoder,
      .decoder = decoder};
  return kEncoding;
}

}  // namespace tributary
