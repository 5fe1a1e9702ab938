// SPDX-License-Identifier: Apache-2.0
// The JSON header of a safetensors file as a struct; inside this room only. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/tensor/layout.h"

namespace tributary {

enum class ElementType { kF16, kBF16, kF32, kF64 };
std::size_t element_bytes(ElementType type);

struct StoredTensor {
  TensorInfo info;
  ElementType type = ElementType::kF32;
  std::uint64_t begin = 0;  // of the data section
  std::uint64_t end = 0;
};

struct StoredHeader {
  std::vector<StoredTensor> tensors;  // by `begin`: no gap, no overlap, up to the end of the data
  std::map<std::string, std::string>
      metadata;  // texts only; another writer's other values are not kept
};

std::string write_safetensors_header(const Layout& layout,
                                     const std::map<std::string, std::string>& metadata);
Result<StoredHeader> read_safetensors_header(std::string_view json, std::uint64_t data_bytes);

}  // namespace tributary
