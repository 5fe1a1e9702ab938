// SPDX-License-Identifier: Apache-2.0
// Masks of secure aggregation: key streams that are added to numbers modulo 2^bits, or taken from
// them. Coordinate i of a mask is the i-th little-endian word of whole bytes of AES-256-CTR under
// the mask's key, so any part of a vector can be masked by itself, by any thread. Plain functions.
#pragma once

#include <cstdint>
#include <span>

#include "common/crypto/key_material.h"

namespace tributary {

struct Mask {
  SecretKey key;
  bool added = true;  // or subtracted
};

// A part of a vector may begin at a multiple of so many coordinates.
inline constexpr std::uint64_t kMaskAlignment = 16;

// Applies them all to `values`, which are the coordinates from `first` on, below 2^bits; so are the
// outcomes. `bits`: 1 to 32, and 64 for the wide ones.
void apply_masks(std::span<const Mask> masks, unsigned bits, std::uint64_t first,
                 std::span<std::uint32_t> values);
void apply_masks(std::span<const Mask> masks, std::uint64_t first,
                 std::span<std::uint64_t> wide_values);

}  // namespace tributary
