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

std::string write_safetensors_header(const Layout& layout,
                                     const std::map<std::string, std::string>& metadata);
// The tensors by `begin`, which leave no gap, do not overlap and end at `data_bytes`.
Result<std::vector<StoredTensor>> read_safetensors_header(std::string_view json,
                                                          std::uint64_t data_bytes);

}  // namespace tributary
