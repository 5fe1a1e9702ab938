// SPDX-License-Identifier: Apache-2.0
// Row kernels: the loops over the values of many updates at once, a block of each side by side.
// Vectorised as kernels.h, with the same bits for every instruction set. Plain functions, any
// thread; no alignment is needed.
#pragma once

#include <cstddef>
#include <span>

#include "common/tensor/selection_network.h"

namespace tributary {

// `count` values of each update: row r starts at rows[r].
struct RowBlock {
  std::span<const float* const> rows;
  std::size_t count = 0;
};

// The unit in which products are added up: blocks of any multiple of it give the same bits.
inline constexpr std::size_t kProductValues = 1024;

// products[i * n + j] += the dot product of rows i and j, for j <= i, n rows; in double, where a
// product of two floats is exact.
void add_products(const RowBlock& block, std::span<double> products);
// The same for rows i of `first` to `last` - 1 only; together the parts have the bits of the whole.
void add_products(const RowBlock& block, std::size_t first, std::size_t last,
                  std::span<double> products);

// into[c] = sum of factors[r] * value c of row r, in double, in the order of the rows.
void combine_rows(const RowBlock& block, std::span<const double> factors, std::span<double> into);

// into[c] = the mean of the values of column c without the `drop` smallest and the `drop` largest;
// `parting` is parting_network(rows, drop). Finite values only.
void middle_means(const RowBlock& block, const SelectionNetwork& parting, std::size_t drop,
                  std::span<double> into);

// into[c] = the mean of the `keep` values of column c that are nearest to its median (of two values
// equally far, the smaller one); `sorting` is sorting_network(rows), 1 <= keep <= rows. Finite
// values only.
void means_near_median(const RowBlock& block, const SelectionNetwork& sorting, std::size_t keep,
                       std::span<double> into);

}  // namespace tributary
