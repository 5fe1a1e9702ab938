// SPDX-License-Identifier: Apache-2.0
// What int8 and int4 share: whole numbers under one scale for each block of values, rounded up or
// down by chance so that the mean is right. Any thread.
#pragma once

#include "common/tensor/encoding.h"

namespace tributary {

enum class QuantumBits { k4, k8 };

std::uint64_t block_stream_bytes(const EncodingSpec& spec, QuantumBits bits, std::uint64_t values);
std::unique_ptr<ChunkEncoder> block_encoder(const EncodingSpec& spec, QuantumBits bits,
                                            std::uint64_t seed);
std::unique_ptr<ChunkDecoder> block_decoder(const EncodingSpec& spec, QuantumBits bits);

// `block`: values under one scale where the job says nothing.
template <QuantumBits kBits>
constexpr UpdateEncoding block_encoding(std::string_view name, std::string_view help,
                                        std::uint32_t block) {
  return {
      .name = name,
      .help = help,
      .plain = {},
      .block = block,
      .sparse = false,
      .stream_bytes = [](const EncodingSpec& spec,
                         std::uint64_t values) { return block_stream_bytes(spec, kBits, values); },
      .encoder = [](const EncodingSpec& spec, const AllValues&, std::uint64_t seed)
          -> Result<std::unique_ptr<ChunkEncoder>> { return block_encoder(spec, kBits, seed); },
      .decoder = [](const EncodingSpec& spec) { return block_decoder(spec, kBits); }};
}

}  // namespace tributary
