// SPDX-License-Identifier: Apache-2.0
// RowFacts: what a rule knows of the rows that it joins, which are a round's updates or means of
// them: a few numbers of each, and their dot products. In these lie all lengths and distances among
// the rows and their combinations, so a rule that iterates reads no value again. Plain values, any
// thread. The size is that of the cohort squared, whatever the model.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace tributary {

struct Matrix {
  Matrix() = default;
  Matrix(std::size_t row_count, std::size_t column_count)
      : rows(row_count), columns(column_count), values(row_count * column_count) {}
  double& at(std::size_t row, std::size_t column) { return values[row * columns + column]; }
  double at(std::size_t row, std::size_t column) const { return values[row * columns + column]; }
  std::span<const double> row(std::size_t r) const {
    return std::span(values).subspan(r * columns, columns);
  }
  bool empty() const { return values.empty(); }

  std::size_t rows = 0, columns = 0;
  std::vector<double> values;  // row by row
};

struct RowFacts {
  std::size_t rows() const { return weights.size(); }

  std::vector<double> weights;           // training rows, 1 to example_cap
  std::vector<double> losses;            // mean over the last epoch of training
  std::vector<double> norms;             // L2
  Matrix products;                       // symmetric; empty where nobody asked for them
  std::optional<std::size_t> root = {};  // the row of the root that the rule names; none of means
};

// Of the rows mix * x: each is a combination of the rows that `facts` are about, one column each.
// Norms only where there are products.
RowFacts facts_of_mix(const Matrix& mix, const RowFacts& facts);

// |row i - row j|^2 from the products, never below 0.
double squared_distance(const RowFacts& facts, std::size_t i, std::size_t j);
// |row i - p| of each row, p = sum of factors[j] * row j.
std::vector<double> distances_to(const RowFacts& facts, std::span<const double> factors);

// Of an even number of values, the mean of the two in the middle. At least one value.
double median_of(std::vector<double> values);

}  // namespace tributary
