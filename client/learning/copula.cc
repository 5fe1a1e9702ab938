// SPDX-License-Identifier: Apache-2.0
#include "client/learning/copula.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/base/assert.h"

namespace tributary {
namespace {

constexpr double kScoreMost = 8.0;
constexpr double kShareLeast = 1e-6;  // the middle of a bin that no row is in

double density(double score) {
  return std::exp(-0.5 * score * score) / std::sqrt(2.0 * std::numbers::pi);
}

std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

}  // namespace

double normal_share(double score) { return 0.5 * std::erfc(-score / std::numbers::sqrt2); }

double normal_quantile(double share) {
  double low = -kScoreMost, high = kScoreMost;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (normal_share(middle) < share ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

std::vector<double> knots_of(const CopulaShape& shape) {
  constexpr double kSpread = 2.5;  // six times closer in the middle than at the ends
  std::vector<double> knots;
  for (std::int64_t i = 0; i < shape.knots; ++i) {
    const double at = 2.0 * static_cast<double>(i) / static_cast<double>(shape.knots - 1) - 1.0;
    knots.push_back(shape.range * std::sinh(kSpread * at) / std::sinh(kSpread));
  }
  return knots;
}

// Pools neighbours that violate the order.
void make_rising(std::span<double> values) {
  struct Block {
    double sum;
    std::size_t count;
    double mean() const { return sum / static_cast<double>(count); }
  };
  std::vector<Block> blocks;
  for (const double value : values) {
    blocks.push_back({std::isfinite(value) ? value : 0.0, 1});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].mean() > blocks.back().mean()) {
      const Block last = blocks.back();
      blocks.pop_back();
      blocks.back().sum += last.sum;
      blocks.back().count += last.count;
    }
  }
  std::size_t at = 0;
  for (const Block& block : blocks) {
    for (std::size_t i = 0; i < block.count; ++i) values[at++] = std::clamp(block.mean(), 0.0, 1.0);
  }
}

CopulaMarginals::CopulaMarginals(const CopulaShape& shape, std::span<const float> shares)
    : shape_(shape), bins_(size(shape.knots) + 1), knots_(knots_of(shape)) {
  TRIB_ASSERT(shares.size() == shape.shares(), "a share for each column and knot");
  const std::size_t columns = size(shape.columns), knots = size(shape.knots);
  for (std::size_t column = 0; column < columns; ++column) {
    std::vector<double> own(knots);
    for (std::size_t k = 0; k < knots; ++k)
      own[k] = static_cast<double>(shares[k * columns + column]);
    make_rising(own);
    double mean = 0.0, square = 0.0;
    for (std::size_t bin = 0; bin < bins_; ++bin) {
      const double below = bin == 0 ? 0.0 : own[bin - 1], up_to = bin == knots ? 1.0 : own[bin];
      const double middle = std::clamp(0.5 * (below + up_to), kShareLeast, 1.0 - kShareLeast);
      const double score = normal_quantile(middle);
      scores_.push_back(score);
      mean += (up_to - below) * score;
      square += (up_to - below) * score * score;
    }
    mean_.push_back(mean);
    deviation_.push_back(std::sqrt(std::max(square - mean * mean, 0.0)));
    shares_.insert(shares_.end(), own.begin(), own.end());
  }
}

std::size_t CopulaMarginals::bin_of(double value) const {
  return size(std::ranges::lower_bound(knots_, value) - knots_.begin());
}

double CopulaMarginals::share_up_to(std::size_t column, double value) const {
  const std::size_t above = size(std::ranges::upper_bound(knots_, value) - knots_.begin());
  return above == 0 ? 0.0 : shares_[column * knots_.size() + above - 1];
}

double CopulaMarginals::value_at(std::size_t column, double normal) const {
  const double share = normal_share(normal);
  const std::span<const double> own(shares_.data() + column * knots_.size(), knots_.size());
  const std::size_t at = size(std::ranges::lower_bound(own, share) - own.begin());
  if (at == 0) return knots_.front();
  if (at == own.size()) return knots_.back();
  const double part = (share - own[at - 1]) / (own[at] - own[at - 1]);
  return knots_[at - 1] + part * (knots_[at] - knots_[at - 1]);
}

// The integral of a polynomial of degree n times the density from a to b is (of the normalised
// ones) [h(a, n - 1) density(a) - h(b, n - 1) density(b)] / sqrt(n).
std::vector<double> CopulaMarginals::hermite(std::size_t column, std::size_t count) const {
  std::vector<double> coefficients(count, 0.0);
  for (std::size_t knot = 0; knot < knots_.size(); ++knot) {
    const double share = shares_[column * knots_.size() + knot];
    if (share <= 0.0 || share >= 1.0) continue;
    const double edge = normal_quantile(share), weight = density(edge);
    const double rise = score(column, knot + 1) - score(column, knot);
    double before = 0.0, now = 1.0;
    for (std::size_t n = 1; n <= count; ++n) {
      const double degree = static_cast<double>(n);
      coefficients[n - 1] += rise * now * weight / std::sqrt(degree);
      const double next = (edge * now - std::sqrt(degree - 1.0) * before) / std::sqrt(degree);
      before = now;
      now = next;
    }
  }
  return coefficients;
}

void CopulaMarginals::add_row(std::span<const float> row, std::span<double> sums) const {
  const std::size_t columns = size(shape_.columns);
  std::vector<double> scores(columns);
  for (std::size_t column = 0; column < columns; ++column) {
    const std::size_t bin = bin_of(static_cast<double>(row[column]));
    scores[column] = score(column, bin);
    for (std::size_t k = bin; k < knots_.size(); ++k) sums[k * columns + column] += 1.0;
  }
  double* to = sums.data() + shape_.shares();
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t j = i + 1; j < columns; ++j) *to++ += scores[i] * scores[j];
  }
}

std::vector<double> score_correlations(const CopulaMarginals& marginals,
                                       std::span<const float> products) {
  const std::size_t columns = size(marginals.shape().columns);
  TRIB_ASSERT(products.size() == marginals.shape().pairs(), "a product for each pair");
  std::vector<double> all(columns * columns, 0.0);
  std::size_t at = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    all[i * columns + i] = 1.0;
    for (std::size_t j = i + 1; j < columns; ++j, ++at) {
      const double spread = marginals.deviation(i) * marginals.deviation(j);
      const double together =
          static_cast<double>(products[at]) - marginals.mean(i) * marginals.mean(j);
      const double value = spread > 1e-9 ? std::clamp(together / spread, -1.0, 1.0) : 0.0;
      all[i * columns + j] = all[j * columns + i] = std::isfinite(value) ? value : 0.0;
    }
  }
  return all;
}

}  // namespace tributary
