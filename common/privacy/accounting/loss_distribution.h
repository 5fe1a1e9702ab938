// SPDX-License-Identifier: Apache-2.0
// LossDistribution: the privacy loss ln P/Q under P of one application of a Gaussian mechanism, on
// an even grid, so that it dominates the true one: whatever is composed of such distributions is an
// upper bound. By connecting the dots, Doroshenko et al. 2022 (arXiv 2207.04380): the mass between
// two points goes to both of them so that the masses of P and Q stay. Plain values; any thread.
#pragma once

#include <cstdint>
#include <vector>

namespace tributary {

// P has the unit and Q lacks it, or the other way round.
enum class LossDirection { kRemove, kAdd };

struct SampledGaussian {
  double rate = 1;  // Poisson
  double z = 1;     // standard deviation / how far one unit moves the sum
};

struct LossRange {
  long double lowest = 0, highest = 0;
};

struct LossDistribution {
  long double step = 0;
  std::int64_t first = 0;         // mass[i] lies at (first + i) * step
  std::vector<long double> mass;  // sums to 1 with what is infinite
  long double infinite = 0;

  // ln E[e^(lambda * loss)] of the finite part.
  long double log_moment(long double lambda) const;
};

// Outside it lies less than 1e-23 of P, which is counted as infinite above, as the lowest below.
LossRange loss_range(const SampledGaussian& mechanism, LossDirection direction);
LossDistribution loss_distribution(const SampledGaussian& mechanism, LossDirection direction,
                                   long double step);

}  // namespace tributary
