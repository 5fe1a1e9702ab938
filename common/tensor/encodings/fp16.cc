// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>

#include "common/tensor/encodings/halves.h"

namespace tributary {
namespace {

// IEEE 754 binary16. What is too large becomes the largest number and not infinity: error feedback
// sends the rest later.
std::uint16_t narrow(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t size = bits & 0x7fffffffu;
  constexpr std::uint32_t kTooLarge = 0x477ff000u;  // 65520 would be rounded to infinity
  constexpr std::uint32_t kNormal = 0x38800000u;    // 2^-14
  if (size >= kTooLarge) return static_cast<std::uint16_t>(sign | 0x7bffu);
  if (size < kNormal) {
    const float units = std::nearbyint(std::bit_cast<float>(size) * 0x1p24f);
    return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(units));
  }
  const std::uint32_t shifted = size - ((127u - 15u) << 23);
  const std::uint32_t rounded = (shifted + 0x0fffu + ((shifted >> 13) & 1u)) >> 13;
  return static_cast<std::uint16_t>(sign | rounded);
}

}  // namespace

const UpdateEncoding& fp16_update_encoding() {
  static constexpr UpdateEncoding kEncoding = half_encoding<narrow, StoredForm::kFp16>(
      "fp16", "Half precision: 11 significant bits, from 6e-8 to 65504", ElementType::kF16);
  return kEncoding;
}

}  // namespace tributary
