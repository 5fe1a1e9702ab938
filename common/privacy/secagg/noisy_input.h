// SPDX-License-Identifier: Apache-2.0
// NoisyCoding: what a member gives to a sum in which nobody can tell whether it gave anything
// (Kairouz, Liu, Steinke 2021, arXiv 2102.06387): its update, shortened to the clip, as whole
// numbers whose length is bounded after they were rounded, and discrete Gaussian noise of which the
// honest members' together hides one of them. The numbers go around at 2^bits where the noise is
// that large: nothing is cut off after it was added. Immutable, any thread. It hides nothing of
// itself: only masks make a sum the one thing that is seen.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/random_source.h"
#include "common/base/result.h"
#include "common/privacy/noise/discrete_gaussian.h"

namespace tributary {

// The same for all members of a sum.
struct SumNoise {
  unsigned bits = 32;            // of a number: 16, 20, 24 or 32
  double clip = 1.0;             // L2 norm of an update at most
  double range = 1.0;            // a coordinate beyond it counts as it, before the noise
  double multiplier = 1.0;       // standard deviation of the honest noise on the sum, in clips
  double count_deviation = 0.0;  // likewise on the count of those within the clip; 0: none
  std::uint64_t members = 0;     // of the sum at most
  std::uint64_t honest = 0;      // members at least whose noise is in the sum and known to nobody
  std::uint64_t values = 0;      // of an update
  bool operator==(const SumNoise&) const = default;
};

class NoisyCoding {
 public:
  // kInvalidArgument: a number is none; no noise is so large, or numbers of so many bits are too
  // short for the sum, or rounding would take more than half of the clip.
  static Result<NoisyCoding> make(const SumNoise& noise);

  // What one unit of a number stands for.
  double step() const { return step_; }
  // Standard deviation of each member's noise, in steps; on the count of those within the clip.
  double sigma() const { return noise_->sigma(); }
  double count_sigma() const { return count_noise_ ? count_noise_->sigma() : 0.0; }
  // Of the noise of so many members on a value of their sum.
  double deviation_of(std::uint64_t members) const;
  // Of a member's numbers before their noise, at most: the clip in steps.
  double longest() const { return longest_; }

  struct Coded {
    std::vector<std::uint32_t> numbers;  // two's complement modulo 2^bits
    std::uint64_t count = 0;  // 1 or -1 for an update within the clip or a longer one, with noise,
                              // modulo 2^64; 0 where nobody counts
  };
  // `random`: SecureRandom. Each call draws anew. kFailedPrecondition: a value is no finite number.
  Result<Coded> code(std::span<const float> update, RandomSource& random) const;
  // The same without noise: each coordinate rounded up or down by chance, all of it again where
  // that makes it longer than longest(), and towards 0 in the end.
  Result<std::vector<std::int32_t>> rounded(std::span<const float> update,
                                            RandomSource& random) const;

 private:
  explicit NoisyCoding(const SumNoise& plan) : plan_(plan) {}

  SumNoise plan_;
  double step_ = 0.0;
  double longest_ = 0.0;  // after rounding, in steps
  double room_ = 0.0;     // before, so that one try is nearly always enough
  double largest_ = 0.0;  // a coordinate
  std::shared_ptr<const DiscreteGaussian> noise_, count_noise_;
};

}  // namespace tributary
