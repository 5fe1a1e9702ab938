// SPDX-License-Identifier: Apache-2.0
// The JSON header of a safetensors file as a struct; inside this room only. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/tensor/layout.h"
#include "common/tensor/value_stream.h"

namespace tributary {

// kU8: the data of an encoded update, no values of a model.
enum class ElementType { kF16, kBF16, kF32, kF64, kU8 };
std::size_t element_bytes(ElementType type);

struct StoredTensor {
  TensorInfo info;
  ElementType type = ElementType::kF32;
  std::uint64_t begin = 0;  // of the data section
  std::uint64_t end = 0;
};

using SafetensorsMetadata = std::map<std::string, std::string>;

struct SafetensorsHead {
  std::vector<StoredTensor> tensors;  // by `begin`: without gap or overlap, to the file's end
  SafetensorsMetadata metadata;       // what of it is text
  std::uint64_t data_at = 0;          // where the data section begins
};

// Length and header, padded to 8 bytes: what stands before the values.
Bytes write_safetensors_head(const Layout& layout, const SafetensorsMetadata& metadata,
                             ElementType type);
// Of a file of `bytes`; kDataLoss as decode_safetensors.
Result<SafetensorsHead> read_safetensors_head(const ReadAt& read_at, std::uint64_t bytes);

}  // namespace tributary
