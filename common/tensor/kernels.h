// SPDX-License-Identifier: Apache-2.0
// Kernels: the loops over all values of a model. Vectorised for the machine they run on (Highway,
// chosen at run time: SSE2 to AVX-512, NEON), with the same bits on every one of them: each
// operation has one fixed order and none is fused; tests hold them against scalar twins. Plain
// functions, any thread; no alignment is needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tributary {

// sums[i] += q, q = values[i] * factor rounded to an integer, half to even. Both of one size;
// |values[i] * factor| < 2^62, and no sum may leave 64 bits.
void fold_fixed_point(std::span<const float> values, double factor, std::span<std::int64_t> sums);

// The unit in which values are examined: its squares are added in a fixed order, and a caller that
// adds the blocks of a vector one after another gets the same bits wherever the vector comes from.
inline constexpr std::size_t kBlockValues = 16'384;

struct BlockFacts {
  double squares = 0.0;  // the sum of value^2; means nothing where a value is out of bounds
  bool within = true;    // every value is a number and |value| <= bound
};
// At most kBlockValues values.
BlockFacts examine_block(std::span<const float> values, double bound);

// Encoded values to float32, both of one size. Exact, bit by bit: infinities and what is no number
// (payload and sign) come through, for whoever checks the values.
void widen_fp16(std::span<const std::uint16_t> halves, std::span<float> into);  // IEEE binary16
void widen_bf16(std::span<const std::uint16_t> halves, std::span<float> into);
// into[i] = quanta[i] * scale, rounded once.
void widen_int8(std::span<const std::int8_t> quanta, float scale, std::span<float> into);

}  // namespace tributary
