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

// sums[i] += q, q = value * factor rounded to an integer, half to even. Both of one size;
// |value * factor| < 2^62, and no sum may leave 64 bits. Of encoded values, the same as widening
// them (below) and folding the float32.
void fold_fp32(std::span<const float> values, double factor, std::span<std::int64_t> sums);
void fold_fp16(std::span<const std::uint16_t> halves, double factor, std::span<std::int64_t> sums);
void fold_bf16(std::span<const std::uint16_t> halves, double factor, std::span<std::int64_t> sums);
void fold_int8(std::span<const std::int8_t> quanta, float scale, double factor,
               std::span<std::int64_t> sums);

// sums[i] = (sums[i] + addends[i]) mod 2^bits, 1 to 32; higher bits of a word count for nothing.
// Words under masks that cancel modulo 2^bits are added so (secure aggregation: Bonawitz et al.
// 2017).
void add_modular(std::span<const std::uint32_t> addends, int bits, std::span<std::uint32_t> sums);
// The same modulo 2^64.
void add_modular(std::span<const std::int64_t> addends, std::span<std::int64_t> sums);

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
