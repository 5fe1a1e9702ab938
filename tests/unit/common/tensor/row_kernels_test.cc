// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/row_kernels.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "common/base/random_source.h"

namespace tributary {
namespace {

// Rows of values of all sizes, with ties and zeros of both signs among them.
struct Rows {
  Rows(std::size_t row_count, std::size_t count, std::uint64_t seed)
      : values(row_count, std::vector<float>(count)) {
    SeededRandom random(seed);
    for (std::vector<float>& row : values) {
      for (float& value : row) {
        value = static_cast<float>(
            std::ldexp(random.uniform() - 0.5, static_cast<int>(random.uniform_below(20)) - 10));
        if (random.uniform_below(4) == 0) value = std::copysign(0.0f, value);
        if (random.uniform_below(8) == 0) value = std::copysign(1.0f, value);
      }
    }
    for (const std::vector<float>& row : values) starts.push_back(row.data());
  }
  RowBlock block() const { return {starts, values.empty() ? 0 : values[0].size()}; }

  std::vector<std::vector<float>> values;
  std::vector<const float*> starts;
};

// --- scalar twins: one operation after another ---
std::vector<double> products_twin(const Rows& rows) {
  const std::size_t n = rows.values.size(), count = rows.block().count;
  std::vector<double> products(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      for (std::size_t from = 0; from < count; from += 1024) {
        double partials[8] = {};
        for (std::size_t at = from; at < std::min(from + 1024, count); ++at) {
          partials[at % 8] +=
              static_cast<double>(rows.values[i][at]) * static_cast<double>(rows.values[j][at]);
        }
        for (std::size_t half = 4; half > 0; half /= 2) {
          for (std::size_t p = 0; p < half; ++p) partials[p] += partials[p + half];
        }
        products[i * n + j] += partials[0];
      }
    }
  }
  return products;
}

std::vector<float> column(const Rows& rows, std::size_t c) {
  std::vector<float> values;
  for (const auto& row : rows.values) values.push_back(row[c]);
  return values;
}

void run(const SelectionNetwork& network, std::vector<float>& values) {
  for (const Comparator one : network.comparators) {
    if (values[one.high] < values[one.low]) std::swap(values[one.low], values[one.high]);
  }
}

double middle_twin(std::vector<float> values, const SelectionNetwork& network, std::size_t drop) {
  run(network, values);
  double sum = 0.0;
  for (std::size_t r = drop; r < values.size() - drop; ++r) sum += static_cast<double>(values[r]);
  return sum / static_cast<double>(values.size() - 2 * drop);
}

double near_median_twin(std::vector<float> values, std::size_t keep) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  const double median =
      0.5 * (static_cast<double>(values[(n - 1) / 2]) + static_cast<double>(values[n / 2]));
  std::size_t start = 0;
  while (start + keep < n && static_cast<double>(values[start + keep]) - median <
                                 median - static_cast<double>(values[start]))
    ++start;
  double sum = 0.0;
  for (std::size_t r = start; r < start + keep; ++r) sum += static_cast<double>(values[r]);
  return sum / static_cast<double>(keep);
}

// Each test runs once for every instruction set that this machine has.
class RowKernels : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    hwy::GetChosenTarget().DeInit();
  }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().DeInit();
  }
};

TEST_P(RowKernels, MultipliesToTheBitsOfTheScalarTwin) {
  for (const std::size_t n : {1u, 2u, 3u, 5u, 8u, 13u}) {
    for (const std::size_t count : {0u, 1u, 7u, 8u, 1'023u, 3'001u}) {
      const Rows rows(n, count, n + count);
      std::vector<double> products(n * n);
      add_products(rows.block(), products);
      ASSERT_EQ(products, products_twin(rows)) << n << " rows of " << count;
    }
  }
}

TEST_P(RowKernels, BlocksGiveTheBitsOfTheWhole) {
  const Rows rows(5, 5'000, 3);
  std::vector<double> whole(25), parts(25);
  add_products(rows.block(), whole);
  for (std::size_t at = 0; at < 5'000; at += 2 * kProductValues) {
    std::vector<const float*> starts;
    for (const float* row : rows.starts) starts.push_back(row + at);
    add_products({starts, std::min(2 * kProductValues, 5'000 - at)}, parts);
  }
  EXPECT_EQ(parts, whole);
}

TEST_P(RowKernels, PartsOfTheRowsGiveTheBitsOfTheWhole) {
  const Rows rows(13, 3'000, 3);
  std::vector<double> whole(169), parts(169);
  add_products(rows.block(), whole);
  const std::vector<std::size_t> cuts = {0, 3, 4, 11, 13};
  for (std::size_t k = 1; k < cuts.size(); ++k)
    add_products(rows.block(), cuts[k - 1], cuts[k], parts);
  EXPECT_EQ(parts, whole);
}

TEST_P(RowKernels, CombinesToTheBitsOfTheScalarTwin) {
  for (const std::size_t n : {1u, 2u, 7u}) {
    for (const std::size_t count : {0u, 1u, 31u, 1'003u}) {
      const Rows rows(n, count, n + count);
      std::vector<double> factors(n), into(count), expected(count);
      for (std::size_t r = 0; r < n; ++r) factors[r] = 1.0 / static_cast<double>(3 + r);
      combine_rows(rows.block(), factors, into);
      for (std::size_t c = 0; c < count; ++c) {
        for (std::size_t r = 0; r < n; ++r)
          expected[c] += factors[r] * static_cast<double>(rows.values[r][c]);
      }
      ASSERT_EQ(into, expected);
    }
  }
}

TEST_P(RowKernels, MeansOfTheMiddleHaveTheBitsOfTheScalarTwin) {
  for (const std::size_t n : {1u, 2u, 3u, 4u, 7u, 20u, 33u, 100u}) {
    for (const std::size_t drop : {std::size_t{0}, (n - 1) / 4, (n - 1) / 2}) {
      const SelectionNetwork network = parting_network(n, drop);
      for (const std::size_t count : {0u, 1u, 255u, 256u, 400u}) {
        const Rows rows(n, count, n + count + drop);
        std::vector<double> into(count);
        middle_means(rows.block(), network, drop, into);
        for (std::size_t c = 0; c < count; ++c) {
          ASSERT_EQ(into[c], middle_twin(column(rows, c), network, drop))
              << n << " rows, " << drop << " dropped, column " << c;
          ASSERT_FALSE(into[c] == 0.0 && std::signbit(into[c]));
        }
      }
    }
  }
}

TEST_P(RowKernels, MeansNearTheMedianHaveTheBitsOfTheScalarTwin) {
  for (const std::size_t n : {1u, 2u, 3u, 4u, 9u, 20u, 33u}) {
    const SelectionNetwork network = sorting_network(n);
    for (const std::size_t keep : {std::size_t{1}, (n + 1) / 2, n}) {
      const Rows rows(n, 300, n + keep);
      std::vector<double> into(300);
      means_near_median(rows.block(), network, keep, into);
      for (std::size_t c = 0; c < 300; ++c) {
        ASSERT_EQ(into[c], near_median_twin(column(rows, c), keep))
            << n << " rows, " << keep << " kept, column " << c;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EachTarget, RowKernels,
                         ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& target) {
                           return std::string(hwy::TargetName(target.param));
                         });

// --- networks, by the 0-1 principle: what is right for all zeros and ones is right for all values
bool sorts(const SelectionNetwork& network, std::uint32_t bits) {
  std::vector<float> values(network.wires);
  for (std::size_t w = 0; w < values.size(); ++w) values[w] = static_cast<float>(bits >> w & 1u);
  run(network, values);
  return std::ranges::is_sorted(values);
}

TEST(SelectionNetwork, Sorts) {
  for (std::size_t n = 0; n <= 14; ++n) {
    const SelectionNetwork network = sorting_network(n);
    for (std::uint32_t bits = 0; bits < 1u << n; ++bits) ASSERT_TRUE(sorts(network, bits)) << n;
  }
}

TEST(SelectionNetwork, PartsLowAndHighFromTheMiddle) {
  for (const std::size_t n : {1u, 2u, 3u, 6u, 11u, 20u, 50u, 129u}) {
    for (std::size_t drop = 0; 2 * drop < n; ++drop) {
      const SelectionNetwork network = parting_network(n, drop);
      SeededRandom random(n);
      std::vector<float> values(n), sorted(n);
      std::iota(sorted.begin(), sorted.end(), 0.0f);
      for (int trial = 0; trial < 20; ++trial) {
        values = sorted;
        random.shuffle(values);
        run(network, values);
        const auto low = values.begin() + static_cast<std::ptrdiff_t>(drop);
        const auto high = values.end() - static_cast<std::ptrdiff_t>(drop);
        std::sort(values.begin(), low);
        std::sort(low, high);
        std::sort(high, values.end());
        ASSERT_EQ(values, sorted) << n << " wires, " << drop << " dropped";
      }
    }
  }
}

TEST(SelectionNetwork, LeavesOutWhatNobodyAsksFor) {
  EXPECT_TRUE(parting_network(20, 0).comparators.empty());
  EXPECT_LT(parting_network(20, 9).comparators.size(), sorting_network(20).comparators.size());
  EXPECT_LT(parting_network(20, 2).comparators.size(), sorting_network(20).comparators.size());
}

}  // namespace
}  // namespace tributary
