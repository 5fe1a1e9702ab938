// SPDX-License-Identifier: Apache-2.0
// DiscreteGaussian: integers with probability proportional to exp(-x^2 / (2 sigma^2)). Noise on a
// grid, whose bits cannot betray what it hides as those of floating-point noise do (Mironov 2012).
// Immutable, any thread; the source of randomness is the caller's, and for noise that has to keep a
// secret it is SecureRandom.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/random_source.h"
#include "common/base/result.h"

namespace tributary {

class DiscreteGaussian {
 public:
  virtual ~DiscreteGaussian() = default;
  virtual std::int64_t sample(RandomSource& random) const = 0;
  // In steps of the grid: what was asked for, or more by up to 1 / (131072 sigma).
  double sigma() const { return sigma_; }

 protected:
  explicit DiscreteGaussian(double sigma) : sigma_(sigma) {}

 private:
  double sigma_;
};

inline constexpr double kSigmaMin = 1.0 / 16;
inline constexpr double kSigmaMax = 1 << 20;
inline constexpr double kTableSigmaMax = 1 << 10;

// Both: kInvalidArgument outside of their range.
// By rejection in whole numbers alone, without any error: Canonne, Kamath, Steinke 2020, algorithm
// 3. How long a sample takes depends on it.
Result<std::unique_ptr<DiscreteGaussian>> make_exact_gaussian(double sigma);
// By a table of the distribution to 128 bits, of which each entry is looked at for each sample: the
// time says nothing of the value. Each probability is off by less than 2^-127.
Result<std::unique_ptr<DiscreteGaussian>> make_table_gaussian(double sigma);

}  // namespace tributary
