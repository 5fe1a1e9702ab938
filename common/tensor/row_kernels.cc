// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/row_kernels.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/assert.h"

// Highway compiles what stands between the two namespaces below once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "common/tensor/row_kernels.cc"
#include <hwy/aligned_allocator.h>
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tributary::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using HalfFloats = hn::Rebind<float, Doubles>;  // as many of them, half as wide
using Floats = hn::ScalableTag<float>;

// --- dot products ---

// Product i goes into partial sum i modulo kPartials, whatever the width of a register.
constexpr std::size_t kPartials = 8;
constexpr std::size_t kDoubleLanes = hn::MaxLanes(Doubles());
constexpr std::size_t kVectors = kPartials / kDoubleLanes;
static_assert(kPartials % kDoubleLanes == 0);
// Rows against rows, so many at a time that their sums stay in registers.
constexpr std::size_t kTile = kDoubleLanes > 1 ? kDoubleLanes / 2 : 1;

double sum_of(std::array<double, kPartials>& partials) {
  for (std::size_t half = kPartials / 2; half > 0; half /= 2) {
    for (std::size_t p = 0; p < half; ++p) partials[p] += partials[p + half];
  }
  return partials[0];
}

// The products of rows `left` with rows `right`, kTile of each. A product of two floats has 48 bits
// and is exact in a double, so a fused instruction rounds as the two others do.
void multiply_tile(const float* const* left, const float* const* right, std::size_t from,
                   std::size_t count, double (*into)[kTile]) {
  const Doubles d;
  const HalfFloats f;
  hn::Vec<Doubles> sums[kTile][kTile][kVectors];
  for (auto& row : sums) {
    for (auto& pair : row) {
      for (auto& sum : pair) sum = hn::Zero(d);
    }
  }
  const std::size_t end = from + count;
  std::size_t at = from;
  for (; at + kPartials <= end; at += kPartials) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::Vec<Doubles> y[kTile];
      for (std::size_t j = 0; j < kTile; ++j)
        y[j] = hn::PromoteTo(d, hn::LoadU(f, right[j] + at + v * kDoubleLanes));
      for (std::size_t i = 0; i < kTile; ++i) {
        const auto x = hn::PromoteTo(d, hn::LoadU(f, left[i] + at + v * kDoubleLanes));
        for (std::size_t j = 0; j < kTile; ++j) sums[i][j][v] = hn::MulAdd(x, y[j], sums[i][j][v]);
      }
    }
  }
  for (std::size_t i = 0; i < kTile; ++i) {
    for (std::size_t j = 0; j < kTile; ++j) {
      std::array<double, kPartials> partials{};
      for (std::size_t v = 0; v < kVectors; ++v)
        hn::StoreU(sums[i][j][v], d, partials.data() + v * kDoubleLanes);
      for (std::size_t k = at; k < end; ++k)
        partials[k - at] += static_cast<double>(left[i][k]) * static_cast<double>(right[j][k]);
      into[i][j] = sum_of(partials);
    }
  }
}

void multiply(const float* const* rows, std::size_t row_count, std::size_t first_row,
              std::size_t last_row, std::size_t from, std::size_t count, double* products) {
  // Beyond the last row stands the last once more; what comes of it is thrown away.
  const auto tile_at = [&](std::size_t first) {
    std::array<const float*, kTile> tile;
    for (std::size_t t = 0; t < kTile; ++t)
      tile[t] = rows[first + t < row_count ? first + t : row_count - 1];
    return tile;
  };
  for (std::size_t i = first_row; i < last_row; i += kTile) {
    for (std::size_t j = 0; j < i + kTile; j += kTile) {
      double part[kTile][kTile];
      multiply_tile(tile_at(i).data(), tile_at(j).data(), from, count, part);
      for (std::size_t a = 0; a < kTile && i + a < last_row; ++a) {
        for (std::size_t b = 0; b < kTile && j + b <= i + a; ++b)
          products[(i + a) * row_count + j + b] += part[a][b];
      }
    }
  }
}

// --- linear combinations ---

// So many values further on are asked for while those before are worked on: processors see through
// a few streams of memory by themselves, and not through one for each row.
constexpr std::size_t kAhead = 256;

void prefetch(const float* row, std::size_t at, std::size_t width, std::size_t count) {
  constexpr std::size_t kLine = 64 / sizeof(float);
  for (std::size_t next = at + kAhead; next < at + kAhead + width && next < count; next += kLine)
    hwy::Prefetch(row + next);
}

void combine(const float* const* rows, std::size_t row_count, std::size_t count,
             const double* factors, double* into) {
  const Doubles d;
  const HalfFloats f;
  constexpr std::size_t kWide = 4;
  std::size_t at = 0;
  for (; at + kWide * kDoubleLanes <= count; at += kWide * kDoubleLanes) {
    hn::Vec<Doubles> sums[kWide];
    for (auto& sum : sums) sum = hn::Zero(d);
    for (std::size_t r = 0; r < row_count; ++r) {
      const auto factor = hn::Set(d, factors[r]);
      prefetch(rows[r], at, kWide * kDoubleLanes, count);
      for (std::size_t w = 0; w < kWide; ++w) {
        const auto x = hn::PromoteTo(d, hn::LoadU(f, rows[r] + at + w * kDoubleLanes));
        sums[w] = hn::Add(sums[w], hn::Mul(factor, x));
      }
    }
    for (std::size_t w = 0; w < kWide; ++w) hn::StoreU(sums[w], d, into + at + w * kDoubleLanes);
  }
  for (; at < count; ++at) {
    double sum = 0.0;
    for (std::size_t r = 0; r < row_count; ++r)
      sum += factors[r] * static_cast<double>(rows[r][at]);
    into[at] = sum;
  }
}

// --- columns in order ---

// Columns that go through a network together: 20 rows of them are 20 KiB and stay in the first
// cache.
constexpr std::size_t kColumns = 256;

// Columns `at` and on into `columns`, row by row and one row after another; zeros beyond the last.
void load_columns(const float* const* rows, std::size_t row_count, std::size_t count,
                  std::size_t at, std::size_t width, float* columns) {
  for (std::size_t r = 0; r < row_count; ++r) {
    float* column = columns + r * kColumns;
    prefetch(rows[r], at, width, count);
    std::memcpy(column, rows[r] + at, width * sizeof(float));
    for (std::size_t c = width; c < kColumns; ++c) column[c] = 0.0f;
  }
}

void run_network(const Comparator* comparators, std::size_t comparator_count, float* columns) {
  const Floats f;
  constexpr std::size_t kLanes = hn::MaxLanes(Floats());
  static_assert(kColumns % kLanes == 0);
  for (std::size_t c = 0; c < comparator_count; ++c) {
    float* low = columns + comparators[c].low * kColumns;
    float* high = columns + comparators[c].high * kColumns;
    for (std::size_t at = 0; at < kColumns; at += kLanes) {
      const auto a = hn::Load(f, low + at);
      const auto b = hn::Load(f, high + at);
      hn::Store(hn::Min(a, b), f, low + at);
      hn::Store(hn::Max(a, b), f, high + at);
    }
  }
}

// Sums start from 0.0, so that no zero keeps a sign: which of 0.0 and -0.0 is the smaller is not
// the same on all machines.
void mean_of_middle(const float* columns, std::size_t row_count, std::size_t drop, double* into) {
  const Doubles d;
  const HalfFloats f;
  const auto kept = hn::Set(d, static_cast<double>(row_count - 2 * drop));
  for (std::size_t at = 0; at < kColumns; at += kDoubleLanes) {
    auto sum = hn::Zero(d);
    for (std::size_t r = drop; r < row_count - drop; ++r)
      sum = hn::Add(sum, hn::PromoteTo(d, hn::LoadU(f, columns + r * kColumns + at)));
    hn::StoreU(hn::Div(sum, kept), d, into + at);
  }
}

// The values that are kept stand side by side in a sorted column; `start` is where they begin.
void mean_near_median(const float* columns, std::size_t row_count, std::size_t keep, double* into) {
  const Doubles d;
  const HalfFloats f;
  const std::size_t spare = row_count - keep;
  for (std::size_t at = 0; at < kColumns; at += kDoubleLanes) {
    const auto value = [&](std::size_t r) {
      return hn::PromoteTo(d, hn::LoadU(f, columns + r * kColumns + at));
    };
    const auto median =
        hn::Mul(hn::Set(d, 0.5), hn::Add(value((row_count - 1) / 2), value(row_count / 2)));
    auto start = hn::Zero(d);
    for (std::size_t s = 0; s < spare; ++s) {
      const auto above = hn::Sub(value(s + keep), median);
      const auto below = hn::Sub(median, value(s));
      start = hn::Add(start, hn::IfThenElseZero(hn::Lt(above, below), hn::Set(d, 1.0)));
    }
    auto sum = hn::Zero(d);
    for (std::size_t r = 0; r < row_count; ++r) {
      auto term = value(r);
      if (r < spare)
        term = hn::IfThenElseZero(hn::Le(start, hn::Set(d, static_cast<double>(r))), term);
      if (r >= keep)
        term = hn::IfThenElseZero(hn::Lt(hn::Set(d, static_cast<double>(r - keep)), start), term);
      sum = hn::Add(sum, term);
    }
    hn::StoreU(hn::Div(sum, hn::Set(d, static_cast<double>(keep))), d, into + at);
  }
}

// `mean` makes kColumns means of as many columns in order.
template <typename Mean>
void for_columns(const RowBlock& block, const SelectionNetwork& network, float* columns,
                 double* into, Mean mean) {
  const float* const* rows = block.rows.data();
  const std::size_t row_count = block.rows.size();
  for (std::size_t at = 0; at < block.count; at += kColumns) {
    const std::size_t left = block.count - at;
    const std::size_t width = left < kColumns ? left : kColumns;
    load_columns(rows, row_count, block.count, at, width, columns);
    run_network(network.comparators.data(), network.comparators.size(), columns);
    if (width == kColumns) {
      mean(columns, into + at);
    } else {
      double means[kColumns];
      mean(columns, means);
      std::memcpy(into + at, means, width * sizeof(double));
    }
  }
}

void middle(const RowBlock& block, const SelectionNetwork& network, std::size_t drop,
            float* columns, double* into) {
  for_columns(block, network, columns, into, [&](const float* sorted, double* means) {
    mean_of_middle(sorted, block.rows.size(), drop, means);
  });
}

void near_median(const RowBlock& block, const SelectionNetwork& network, std::size_t keep,
                 float* columns, double* into) {
  for_columns(block, network, columns, into, [&](const float* sorted, double* means) {
    mean_near_median(sorted, block.rows.size(), keep, means);
  });
}

}  // namespace tributary::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tributary {

HWY_EXPORT(multiply);
HWY_EXPORT(combine);
HWY_EXPORT(middle);
HWY_EXPORT(near_median);

namespace {

auto column_buffer(std::size_t rows) {
  return hwy::AllocateAligned<float>(rows * HWY_NAMESPACE::kColumns);
}

}  // namespace

void add_products(const RowBlock& block, std::span<double> products) {
  add_products(block, 0, block.rows.size(), products);
}

void add_products(const RowBlock& block, std::size_t first, std::size_t last,
                  std::span<double> products) {
  const std::size_t rows = block.rows.size();
  TRIB_ASSERT(products.size() == rows * rows && last <= rows, "products of other rows");
  for (std::size_t at = 0; at < block.count && first < last; at += kProductValues) {
    HWY_DYNAMIC_DISPATCH(multiply)
    (block.rows.data(), rows, first, last, at, std::min(kProductValues, block.count - at),
     products.data());
  }
}

void combine_rows(const RowBlock& block, std::span<const double> factors, std::span<double> into) {
  TRIB_ASSERT(factors.size() == block.rows.size() && into.size() == block.count,
              "factors of other rows");
  HWY_DYNAMIC_DISPATCH(combine)
  (block.rows.data(), block.rows.size(), block.count, factors.data(), into.data());
}

void middle_means(const RowBlock& block, const SelectionNetwork& parting, std::size_t drop,
                  std::span<double> into) {
  TRIB_ASSERT(
      parting.wires == block.rows.size() && 2 * drop < parting.wires && into.size() == block.count,
      "a network of other rows");
  const auto columns = column_buffer(parting.wires);
  HWY_DYNAMIC_DISPATCH(middle)(block, parting, drop, columns.get(), into.data());
}

void means_near_median(const RowBlock& block, const SelectionNetwork& sorting, std::size_t keep,
                       std::span<double> into) {
  TRIB_ASSERT(sorting.wires == block.rows.size() && keep >= 1 && keep <= sorting.wires &&
                  into.size() == block.count,
              "a network of other rows");
  const auto columns = column_buffer(sorting.wires);
  HWY_DYNAMIC_DISPATCH(near_median)(block, sorting, keep, columns.get(), into.data());
}

}  // namespace tributary
#endif
