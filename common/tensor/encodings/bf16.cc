// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include "common/tensor/encodings/halves.h"

namespace tributary {
namespace {

// The upper half of a float32; it has no room for overflow where values are below 2^126.
std::uint16_t narrow(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace

const UpdateEncoding& bf16_update_encoding() {
  static constexpr UpdateEncoding kEncoding = half_encoding<narrow, StoredForm::kBf16>(
      "bf16", "Half precision: 8 significant bits, the range of float32", ElementType::kBF16);
  return kEncoding;
}

}  // namespace tributary
