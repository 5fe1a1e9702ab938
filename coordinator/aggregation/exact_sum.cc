// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/exact_sum.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/base/assert.h"
#include "common/tensor/kernels.h"

namespace tributary {
namespace {

constexpr int kSumBits = 62;
constexpr int kScaleMax = 60;
constexpr int kScaleMin = 20;
// Coordinates that one thread folds: some 30 us, many times what it costs to ask another for help.
constexpr std::size_t kValuesAPart = 65'536;

}  // namespace

Result<int> plan_scale(double coordinate_bound, std::uint64_t weight_max, std::uint64_t terms_max) {
  const double largest = coordinate_bound * static_cast<double>(weight_max) *
                         static_cast<double>(std::max<std::uint64_t>(terms_max, 1));
  if (!std::isfinite(largest) || largest <= 0.0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "aggregate.coordinate_bound and example_cap must be positive");
  }
  // One bit is left for the rounding of each term.
  const int scale =
      std::min(kScaleMax, kSumBits - 1 - static_cast<int>(std::ceil(std::log2(largest))));
  // The mean is divided by at least weight 1 per term; sites of weight_max gain log2(weight_max)
  // bits more.
  if (scale + static_cast<int>(std::log2(static_cast<double>(weight_max))) < kScaleMin) {
    return make_error(ErrorCode::kInvalidArgument,
                      "an exact sum of " + std::to_string(terms_max) +
                          " updates with aggregate.coordinate_bound " +
                          std::to_string(coordinate_bound) + " and example_cap " +
                          std::to_string(weight_max) + " does not fit 64 bits; lower one of them");
  }
  return scale;
}

double ExactSum::factor_of(std::uint64_t weight, std::uint32_t share) {
  TRIB_ASSERT(share > 0 && share <= kFullShare, "a share of an update");
  return static_cast<double>(weight) * share / static_cast<double>(kFullShare);
}

void ExactSum::add_part(std::size_t start, const StoredValues& values, std::uint64_t weight,
                        std::uint32_t share, const ParallelFor& parallel) {
  add_scaled(start, values, factor_of(weight, share), parallel);
}

void ExactSum::add_scaled(std::size_t start, const StoredValues& values, double factor,
                          const ParallelFor& parallel) {
  TRIB_ASSERT(start <= sums_.size() && values.count <= sums_.size() - start,
              "an update of another size");
  const double steps = std::ldexp(factor, scale_);
  const auto sums = std::span(sums_).subspan(start, values.count);
  parallel((values.count + kValuesAPart - 1) / kValuesAPart, [&](std::size_t part) {
    const std::size_t at = part * kValuesAPart, count = std::min(kValuesAPart, values.count - at);
    fold(values.part(at, count), steps, sums.subspan(at, count));
  });
}

void ExactSum::end_term(std::uint64_t weight) {
  weight_ += weight;
  ++terms_;
}

void ExactSum::merge(const ExactSum& other) {
  TRIB_ASSERT(other.sums_.size() == sums_.size() && other.scale_ == scale_,
              "sums of different plans");
  add_modular(other.sums_, sums_);
  weight_ += other.weight_;
  terms_ += other.terms_;
}

std::span<const std::int64_t> ExactSum::steps(std::size_t start, std::size_t count) const {
  TRIB_ASSERT(start <= sums_.size() && count <= sums_.size() - start, "beyond the sum");
  return std::span(sums_).subspan(start, count);
}

void ExactSum::mean(std::size_t start, std::span<double> into) const {
  TRIB_ASSERT(weight_ > 0, "the mean of nothing");
  TRIB_ASSERT(start <= sums_.size() && into.size() <= sums_.size() - start, "beyond the sum");
  const double divisor = std::ldexp(static_cast<double>(weight_), scale_);
  for (std::size_t i = 0; i < into.size(); ++i)
    into[i] = static_cast<double>(sums_[start + i]) / divisor;
}

double ExactSum::mean_error_bound() const {
  return std::ldexp(static_cast<double>(terms_), -scale_ - 1) /
         static_cast<double>(std::max<std::uint64_t>(weight_, 1));
}

}  // namespace tributary
