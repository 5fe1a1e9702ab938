// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/stored_values.h"

#include <algorithm>
#include <bit>

#include "common/base/assert.h"
#include "common/base/bytes.h"
#include "common/tensor/kernels.h"

namespace tributary {
namespace {

template <typename Stored>
std::span<const Stored> as(const StoredValues& values) {
  return {reinterpret_cast<const Stored*>(values.data) + values.first, values.count};
}

// use(quanta, scale, at) for what the run has of each block; `at` counts from the run's beginning.
template <typename Use>
void for_blocks(const StoredValues& values, const Use& use) {
  for (std::size_t at = 0; at < values.count;) {
    const std::size_t place = values.first + at, inside = place % values.block;
    const std::byte* const block =
        values.data + place / values.block * (sizeof(float) + values.block);
    const std::size_t count = std::min(values.block - inside, values.count - at);
    const auto* const quanta = reinterpret_cast<const std::int8_t*>(block + sizeof(float)) + inside;
    use(std::span(quanta, count), std::bit_cast<float>(get_little_endian<std::uint32_t>(block)),
        at);
    at += count;
  }
}

}  // namespace

void widen(const StoredValues& values, std::span<float> into) {
  TRIB_ASSERT(values.count == into.size(), "room for another number of values");
  switch (values.form) {
    case StoredForm::kFp32:
      std::ranges::copy(as<float>(values), into.begin());
      return;
    case StoredForm::kFp16:
      return widen_fp16(as<std::uint16_t>(values), into);
    case StoredForm::kBf16:
      return widen_bf16(as<std::uint16_t>(values), into);
    case StoredForm::kInt8:
      for_blocks(values, [into](std::span<const std::int8_t> quanta, float scale, std::size_t at) {
        widen_int8(quanta, scale, into.subspan(at, quanta.size()));
      });
  }
}

void fold(const StoredValues& values, double factor, std::span<std::int64_t> sums) {
  TRIB_ASSERT(values.count == sums.size(), "an update of another size");
  switch (values.form) {
    case StoredForm::kFp32:
      return fold_fp32(as<float>(values), factor, sums);
    case StoredForm::kFp16:
      return fold_fp16(as<std::uint16_t>(values), factor, sums);
    case StoredForm::kBf16:
      return fold_bf16(as<std::uint16_t>(values), factor, sums);
    case StoredForm::kInt8:
      for_blocks(values, [=](std::span<const std::int8_t> quanta, float scale, std::size_t at) {
        fold_int8(quanta, scale, factor, sums.subspan(at, quanta.size()));
      });
  }
}

}  // namespace tributary
