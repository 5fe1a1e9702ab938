// SPDX-License-Identifier: Apache-2.0
// InputSum: the coordinator's sum of masked inputs, and what it is once the masks are off. One
// number of 32 bits for each coordinate, whatever the number of members. One thread at a time; the
// same bits in any order of adding and at any number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/privacy/secagg/masks.h"

namespace tributary {

class InputSum {
 public:
  // Runs `part` for each number below `parts`, on several threads or not.
  using EachPart = std::function<void(std::size_t parts, const std::function<void(std::size_t)>&)>;

  // `wide`: a multiple of kWideAlignment.
  InputSum(std::uint64_t numbers, unsigned bits, std::uint64_t wide);

  // A piece of an input as it travels; each of an input's bytes once. `at`: where it begins, a
  // multiple of kPieceAlignment, where no number is cut in two.
  void add(std::uint64_t at, ByteView piece);
  // Takes these masks off.
  void unmask(std::span<const Mask> numbers, std::span<const Mask> wide, const EachPart& parallel);

  static constexpr std::size_t kPieceAlignment = 24;
  std::span<const std::uint32_t> numbers() const { return numbers_; }
  std::span<const std::uint64_t> wide() const { return wide_; }

 private:
  unsigned bits_;
  std::vector<std::uint32_t> numbers_;
  std::vector<std::uint64_t> wide_;
};

}  // namespace tributary
