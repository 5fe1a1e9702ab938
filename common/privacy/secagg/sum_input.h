// SPDX-License-Identifier: Apache-2.0
// What a member gives to a secure sum: its update as whole numbers, weighted, and figures beside
// it; and what comes out of their sum. Plain values and functions, any thread. It hides nothing:
// masks.h does.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/random_source.h"
#include "common/base/result.h"

namespace tributary {

// The same for all members of a sum.
struct SumCoding {
  unsigned bits = 32;  // 16, 20, 24 or 32
  double clip = 1.0;   // L2 norm of an update at most
  double range = 1.0;  // a coordinate beyond it is told as it
  std::uint64_t members = 0;

  // The largest number of one member: their sum stays within 2^(bits - 1) whatever they say.
  std::int64_t largest() const;
  // What one unit of a number stands for.
  double step() const { return range / static_cast<double>(largest()); }
};

// kInvalidArgument: with so many members a number has fewer than 16 values to each side.
Status check_coding(const SumCoding& coding);

struct CodedUpdate {
  std::vector<std::uint32_t> numbers;  // two's complement modulo 2^bits
  std::uint64_t saturated = 0;         // coordinates beyond the range
  bool clipped = false;                // it was longer than the clip
  double norm = 0.0;                   // L2, before
};

// Finite check, clip, times `share` (0 to 1: this member's weight of the largest there may be),
// then each coordinate rounded up or down by chance, so that it is right on average. `random`:
// SecureRandom. kFailedPrecondition: a value is not a finite number.
Result<CodedUpdate> code_update(const SumCoding& coding, std::span<const float> update,
                                double share, RandomSource& random);
// Such numbers, or sums of them, as they are meant: of either sign, times `step`.
void decode_numbers(unsigned bits, double step, std::span<const std::uint32_t> numbers,
                    std::span<double> into);

// What is summed beside the updates, exactly, modulo 2^64.
struct SumFigures {
  std::uint64_t weight = 0;  // that `share` is a part of
  std::uint64_t examples = 0;
  std::int64_t loss_units = 0;   // examples * mean loss, in kLossUnit
  std::uint64_t saturated = 0;   // coordinates
  std::uint64_t clipped = 0;     // members whose update was longer than the clip
  std::uint64_t norm_units = 0;  // norms of the updates, before the clip, in kLossUnit
  bool operator==(const SumFigures&) const = default;
};
inline constexpr std::uint64_t kSumFigures = 6;
// Of a sum in which noise hides each site there is one instead: members within the clip less longer
// ones, with their noise, as two's complement; 0 where the clip stays.
inline constexpr std::uint64_t kNoisySumFigures = 1;
// There are a multiple of so many wide numbers in an input; what is over is 0.
inline constexpr std::uint64_t kWideAlignment = 3;
std::vector<std::uint64_t> wide_numbers(const SumFigures& figures);
SumFigures figures_from(std::span<const std::uint64_t> wide);

// As an input travels: the wide numbers, then each other one in whole little-endian bytes.
std::uint64_t input_bytes(std::uint64_t numbers, unsigned bits, std::uint64_t wide);
Bytes pack_input(std::span<const std::uint32_t> numbers, unsigned bits,
                 std::span<const std::uint64_t> wide);

}  // namespace tributary
