// SPDX-License-Identifier: Apache-2.0
// ExactSum: weighted sum of float vectors in fixed point, the same bits for every order of adding
// and merging. Each term is q = rint(weight * share * x * 2^S), round half to even; S from
// plan_scale. Holds one int64 per coordinate. One caller at a time.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "common/base/large_array.h"
#include "common/base/result.h"
#include "common/domain/round_policy.h"
#include "common/tensor/stored_values.h"
#include "coordinator/aggregation/parallel.h"

namespace tributary {

// Largest S for which terms_max terms of |weight * x| <= weight_max * coordinate_bound sum to less
// than 2^62, at most 60. kInvalidArgument if not even a resolution of 2^-20 of the mean fits.
Result<int> plan_scale(double coordinate_bound, std::uint64_t weight_max, std::uint64_t terms_max);

class ExactSum {
 public:
  using Memory = LargeArray<std::int64_t>;

  // `memory`: of a sum that is over, used again: memory that is new can cost more than all adding.
  ExactSum(std::size_t size, int scale, Memory memory = {})
      : scale_(scale), sums_(std::move(memory)) {
    sums_.assign(size, 0);
  }
  Memory take_memory() && { return std::move(sums_); }

  // Every |x| within the bound of the plan, every weight too. `share` of kFullShare makes the term
  // smaller and its weight not: a late update moves the mean less, also when it is alone.
  void add(std::span<const float> values, std::uint64_t weight, std::uint32_t share = kFullShare) {
    add_part(0, StoredValues::of(values), weight, share);
    end_term(weight);
  }
  // The same in parts, each for the coordinates from `start` on; end_term() after the last of them.
  // `parallel`: threads for the coordinates of a large part.
  void add_part(std::size_t start, const StoredValues& values, std::uint64_t weight,
                std::uint32_t share, const ParallelFor& parallel = one_after_another);
  // What a value is multiplied by for a weight and a share: exact, they have 31 bits and 17.
  static double factor_of(std::uint64_t weight, std::uint32_t share);
  // Likewise, with q = rint(factor * x * 2^S).
  void add_scaled(std::size_t start, const StoredValues& values, double factor,
                  const ParallelFor& parallel = one_after_another);
  void end_term(std::uint64_t weight);
  void merge(const ExactSum& other);

  std::uint64_t weight() const { return weight_; }
  std::uint64_t terms() const { return terms_; }
  std::size_t size() const { return sums_.size(); }
  int scale() const { return scale_; }  // S
  // In steps of 2^-S, of `count` coordinates from `start` on.
  std::span<const std::int64_t> steps(std::size_t start, std::size_t count) const;
  // sum / total weight of the coordinates from `start` on; at least one term.
  void mean(std::size_t start, std::span<double> into) const;
  // How far mean() may be from the real weighted mean, each coordinate: terms * 2^-(S+1) / total
  // weight, and its own rounding.
  double mean_error_bound() const;

 private:
  int scale_;
  std::uint64_t weight_ = 0;
  std::uint64_t terms_ = 0;
  Memory sums_;
};

}  // namespace tributary
