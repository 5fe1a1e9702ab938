// SPDX-License-Identifier: Apache-2.0
// What fp16 and bf16 share: every value in 16 bits, one after the other. Any thread.
#pragma once

#include "common/tensor/encoding.h"

namespace tributary {

std::uint64_t half_stream_bytes(const EncodingSpec& spec, std::uint64_t values);
// `narrow` rounds one value to the nearest, half to even.
std::unique_ptr<ChunkEncoder> half_encoder(std::uint16_t (*narrow)(float));
std::unique_ptr<ChunkDecoder> half_decoder(StoredForm form);

template <auto kNarrow, StoredForm kForm>
constexpr UpdateEncoding half_encoding(std::string_view name, std::string_view help,
                                       ElementType type) {
  return {.name = name,
          .help = help,
          .plain = type,
          .block = 0,
          .sparse = false,
          .stream_bytes = half_stream_bytes,
          .encoder = [](const EncodingSpec&, const AllValues&, std::uint64_t)
              -> Result<std::unique_ptr<ChunkEncoder>> { return half_encoder(kNarrow); },
          .decoder = [](const EncodingSpec&) { return half_decoder(kForm); }};
}

}  // namespace tributary
