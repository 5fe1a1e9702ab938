// SPDX-License-Identifier: Apache-2.0
#include "coordinator/aggregation/row_facts.h"

#include <algorithm>
#include <cmath>

namespace tributary {
namespace {

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::vector<double> times(const Matrix& matrix, std::span<const double> vector) {
  std::vector<double> product(matrix.rows);
  for (std::size_t r = 0; r < matrix.rows; ++r) product[r] = dot(matrix.row(r), vector);
  return product;
}

// mix * products * mix^T, the same bits on both sides of the diagonal.
Matrix products_of_mix(const Matrix& mix, const Matrix& products) {
  Matrix of(mix.rows, mix.rows);
  for (std::size_t i = 0; i < mix.rows; ++i) {
    const std::vector<double> along = times(products, mix.row(i));
    for (std::size_t j = 0; j <= i; ++j) of.at(i, j) = of.at(j, i) = dot(along, mix.row(j));
  }
  return of;
}

}  // namespace

RowFacts facts_of_mix(const Matrix& mix, const RowFacts& facts) {
  RowFacts of{times(mix, facts.weights), times(mix, facts.losses), {}, {}};
  if (facts.products.empty()) return of;
  of.products = products_of_mix(mix, facts.products);
  for (std::size_t r = 0; r < mix.rows; ++r)
    of.norms.push_back(std::sqrt(std::max(of.products.at(r, r), 0.0)));
  return of;
}

double squared_distance(const RowFacts& facts, std::size_t i, std::size_t j) {
  const Matrix& products = facts.products;
  return std::max(products.at(i, i) + products.at(j, j) - 2.0 * products.at(i, j), 0.0);
}

std::vector<double> distances_to(const RowFacts& facts, std::span<const double> factors) {
  std::vector<double> distances = times(facts.products, factors);
  const double square = dot(distances, factors);
  for (std::size_t i = 0; i < distances.size(); ++i) {
    distances[i] = std::sqrt(std::max(facts.products.at(i, i) - 2.0 * distances[i] + square, 0.0));
  }
  return distances;
}

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

}  // namespace tributary
