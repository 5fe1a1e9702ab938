// SPDX-License-Identifier: Apache-2.0
// StoredValues: a run of values as an update's file has them, in a form that the kernels widen in
// registers, so that no pass of its own decodes them. A view: whoever made it says how long it
// lasts. Plain values, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tributary {

enum class StoredForm : std::uint8_t {
  kFp32,
  kFp16,
  kBf16,
  kInt8,  // blocks: a float32 scale, then one signed byte a value
};

struct StoredValues {
  StoredForm form = StoredForm::kFp32;
  const std::byte* data = nullptr;  // aligned for its form; kInt8 wants no alignment
  std::size_t first = 0;            // the run begins with this value of `data`
  std::size_t count = 0;
  std::size_t block = 0;  // kInt8: values under one scale; the last block may have fewer

  static StoredValues of(std::span<const float> values) {
    return {StoredForm::kFp32, std::as_bytes(values).data(), 0, values.size(), 0};
  }
  StoredValues part(std::size_t from, std::size_t part_count) const {
    return {form, data, first + from, part_count, block};
  }
};

// All of them to float32, both of one size; exact, as the kernels of each form.
void widen(const StoredValues& values, std::span<float> into);
// Into fixed-point sums, see fold_fp32 in kernels.h: the bits of widen() and then that.
void fold(const StoredValues& values, double factor, std::span<std::int64_t> sums);

}  // namespace tributary
