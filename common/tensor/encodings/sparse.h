// SPDX-License-Identifier: Apache-2.0
// What top_k and random_k share: k of the values with their places, all others are zero. Any
// thread.
#pragma once

#include <vector>

#include "common/tensor/encoding.h"

namespace tributary {

// Says which values are sent: k of all, seen once in order.
class ValuePicker {
 public:
  virtual ~ValuePicker() = default;
  // Appends the offsets in the next chunk, increasing.
  virtual void pick(std::span<const float> chunk, std::vector<std::uint16_t>& offsets) = 0;
};

std::uint64_t sparse_stream_bytes(const EncodingSpec& spec, std::uint64_t values);
std::unique_ptr<ChunkEncoder> sparse_encoder(std::unique_ptr<ValuePicker> picker);
std::unique_ptr<ChunkDecoder> sparse_decoder(const EncodingSpec& spec);

constexpr UpdateEncoding sparse_encoding(std::string_view name, std::string_view help,
                                         decltype(UpdateEncoding::encoder) encoder) {
  return {.name = name,
          .help = help,
          .plain = {},
          .block = 0,
          .sparse = true,
          .stream_bytes = sparse_stream_bytes,
          .encoder = encoder,
          .decoder = sparse_decoder};
}

}  // namespace tributary
