// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/input_sum.h"

#include <algorithm>

#include "common/base/assert.h"
#include "common/privacy/secagg/sum_input.h"

namespace tributary {
namespace {

// Of a part for one thread: a few thousand keys are set up for each, which is little beside it.
constexpr std::size_t kPartNumbers = std::size_t{1} << 16;
static_assert(kPartNumbers % kMaskAlignment == 0);
static_assert(kWideAlignment * sizeof(std::uint64_t) == InputSum::kPieceAlignment);

}  // namespace

InputSum::InputSum(std::uint64_t numbers, unsigned bits, std::uint64_t wide)
    : bits_(bits), numbers_(numbers, 0), wide_(wide, 0) {
  TRIB_ASSERT(wide % kWideAlignment == 0, "so that pieces begin where a number does");
}

void InputSum::add(std::uint64_t at, ByteView piece) {
  const std::size_t width = (bits_ + 7) / 8;
  TRIB_ASSERT(at % kPieceAlignment == 0 &&
                  at + piece.size() <= input_bytes(numbers_.size(), bits_, wide_.size()),
              "a piece of an input");
  const std::size_t wide_bytes = wide_.size() * sizeof(std::uint64_t);
  for (; at < wide_bytes && !piece.empty(); at += sizeof(std::uint64_t)) {
    wide_[at / sizeof(std::uint64_t)] += get_little_endian<std::uint64_t>(piece.data());
    piece = piece.subspan(sizeof(std::uint64_t));
  }
  const std::uint32_t modulus = ~std::uint32_t{0} >> (32 - bits_);
  std::size_t next = (at - wide_bytes) / width;
  for (; piece.size() >= width; piece = piece.subspan(width)) {
    std::uint32_t number = 0;
    for (std::size_t k = 0; k < width; ++k)
      number |= std::to_integer<std::uint32_t>(piece[k]) << (8 * k);
    numbers_[next] = (numbers_[next] + number) & modulus;
    ++next;
  }
}

void InputSum::unmask(std::span<const Mask> numbers, std::span<const Mask> wide,
                      const EachPart& parallel) {
  const std::size_t parts = (numbers_.size() + kPartNumbers - 1) / kPartNumbers;
  parallel(parts, [&](std::size_t part) {
    const std::size_t first = part * kPartNumbers;
    const std::size_t count = std::min(kPartNumbers, numbers_.size() - first);
    apply_masks(numbers, bits_, first, std::span(numbers_).subspan(first, count));
  });
  apply_masks(wide, 0, wide_);
}

}  // namespace tributary
