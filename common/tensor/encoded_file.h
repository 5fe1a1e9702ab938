// SPDX-License-Identifier: Apache-2.0
// What stands before the data of an encoded update: a safetensors header with one tensor of bytes,
// and in its metadata the encoding and the layout, both as JSON text. Inside this room only. Any
// thread.
#pragma once

#include "common/tensor/safetensors_header.h"
#include "common/tensor/update_encoding.h"

namespace tributary {

inline constexpr const char* kEncodingKey = "encoding";

Bytes write_encoded_head(const EncodingSpec& spec, const Layout& layout, std::uint64_t data_bytes);

struct EncodedHead {
  EncodingSpec spec;
  Layout layout;
};
// Of a file that names an encoding. kDataLoss where it is not known, or not as it should be.
Result<EncodedHead> read_encoded_head(const SafetensorsHead& head);

}  // namespace tributary
