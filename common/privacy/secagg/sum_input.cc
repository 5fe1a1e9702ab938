// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/sum_input.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/base/assert.h"
#include "common/base/bytes.h"

namespace tributary {
namespace {

// Below, rounding would drown what is summed.
constexpr std::int64_t kLargestMin = 16;

std::uint32_t modulus_mask(unsigned bits) { return ~std::uint32_t{0} >> (32 - bits); }

std::size_t number_bytes(unsigned bits) { return (bits + 7) / 8; }

}  // namespace

std::int64_t SumCoding::largest() const {
  return ((std::int64_t{1} << (bits - 1)) - 1) /
         static_cast<std::int64_t>(std::max<std::uint64_t>(members, 1));
}

Status check_coding(const SumCoding& coding) {
  if (coding.largest() >= kLargestMin) return {};
  return make_error(ErrorCode::kInvalidArgument, "numbers of " + std::to_string(coding.bits) +
                                                     " bits are too short for the " + "sum of " +
                                                     std::to_string(coding.members) +
                                                     " sites; use more bits, or groups");
}

Result<CodedUpdate> code_update(const SumCoding& coding, std::span<const float> update,
                                double share, RandomSource& random) {
  TRIB_ASSERT(share >= 0 && share <= 1, "a share of the largest weight");
  double squares = 0.0;
  for (const float value : update) squares += static_cast<double>(value) * value;
  CodedUpdate coded;
  coded.norm = std::sqrt(squares);
  if (!std::isfinite(coded.norm)) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "the update holds a value that is not a finite number");
  }
  coded.clipped = coded.norm > coding.clip;
  const double factor = share * (coded.clipped ? coding.clip / coded.norm : 1.0) / coding.step();
  const auto largest = static_cast<double>(coding.largest());
  coded.numbers.reserve(update.size());
  for (const float value : update) {
    // Up by chance as often as it lies above: by 53 random bits.
    double number = std::floor(static_cast<double>(value) * factor + random.uniform());
    if (std::abs(number) > largest) {
      ++coded.saturated;
      number = std::copysign(largest, number);
    }
    coded.numbers.push_back(static_cast<std::uint32_t>(static_cast<std::int64_t>(number)) &
                            modulus_mask(coding.bits));
  }
  return coded;
}

void decode_numbers(unsigned bits, double step, std::span<const std::uint32_t> numbers,
                    std::span<double> into) {
  const std::uint32_t sign = std::uint32_t{1} << (bits - 1);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::uint32_t number = numbers[i] & modulus_mask(bits);
    const std::int64_t value =
        std::int64_t{number} - ((number & sign) != 0 ? std::int64_t{modulus_mask(bits)} + 1 : 0);
    into[i] = static_cast<double>(value) * step;
  }
}

std::vector<std::uint64_t> wide_numbers(const SumFigures& figures) {
  return {figures.weight,    figures.examples, static_cast<std::uint64_t>(figures.loss_units),
          figures.saturated, figures.clipped,  figures.norm_units};
}

SumFigures figures_from(std::span<const std::uint64_t> wide) {
  TRIB_ASSERT(wide.size() == kSumFigures, "as many as wide_numbers gives");
  return {wide[0], wide[1], static_cast<std::int64_t>(wide[2]), wide[3], wide[4], wide[5]};
}

std::uint64_t input_bytes(std::uint64_t numbers, unsigned bits, std::uint64_t wide) {
  return numbers * number_bytes(bits) + wide * sizeof(std::uint64_t);
}

Bytes pack_input(std::span<const std::uint32_t> numbers, unsigned bits,
                 std::span<const std::uint64_t> wide) {
  const std::size_t width = number_bytes(bits);
  Bytes packed(numbers.size() * width + wide.size() * sizeof(std::uint64_t));
  std::byte* to = packed.data();
  for (const std::uint64_t number : wide) {
    put_little_endian(to, number);
    to += sizeof number;
  }
  for (const std::uint32_t number : numbers) {
    for (std::size_t i = 0; i < width; ++i) *to++ = static_cast<std::byte>(number >> (8 * i));
  }
  return packed;
}

}  // namespace tributary
