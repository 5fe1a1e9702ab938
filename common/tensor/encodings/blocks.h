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

}  // namespace tributary
