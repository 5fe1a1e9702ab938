// SPDX-License-Identifier: Apache-2.0
// Shapley values by sampling, against all subsets in float64.
#include <algorithm>
#include <bit>

#include "tests/unit/client/explain/subjects.h"

namespace tributary {
namespace {

constexpr std::size_t kFeatures = 4;

double tangled(Point x) {
  const double a = static_cast<double>(x[0]), b = static_cast<double>(x[1]);
  const double c = static_cast<double>(x[2]), d = static_cast<double>(x[3]);
  return a * b + std::sin(c) + c * d * d + 0.5 * a;
}

// The mean of the function where the features of `subset` are those of the row and the others those
// of each background row.
double value_of(unsigned subset, const ExampleSet& rows, std::size_t row,
                const ExampleSet& background) {
  double sum = 0.0;
  for (std::size_t other = 0; other < static_cast<std::size_t>(background.rows); ++other) {
    std::vector<float> x(kFeatures);
    for (std::size_t i = 0; i < kFeatures; ++i)
      x[i] =
          static_cast<float>((subset >> i & 1u) != 0 ? at(rows, row, i) : at(background, other, i));
    sum += tangled(x);
  }
  return sum / static_cast<double>(background.rows);
}

// Shapley 1953: the mean over all orders, by subsets.
double exact(std::size_t feature, const ExampleSet& rows, std::size_t row,
             const ExampleSet& background) {
  constexpr double kFactorials[] = {1, 1, 2, 6, 24};
  double sum = 0.0;
  for (unsigned subset = 0; subset < 1u << kFeatures; ++subset) {
    if ((subset >> feature & 1u) != 0) continue;
    const auto size = static_cast<std::size_t>(std::popcount(subset));
    sum += kFactorials[size] * kFactorials[kFeatures - size - 1] / kFactorials[kFeatures] *
           (value_of(subset | 1u << feature, rows, row, background) -
            value_of(subset, rows, row, background));
  }
  return sum;
}

TEST(Shap, ComesToTheShapleyValuesOfAllSubsets) {
  const ExampleSet rows = normal_rows(3, 4, 1), background = normal_rows(10, 4, 2);
  const Features features = single_features(kFeatures);
  FunctionProbe probe(kFeatures, tangled);
  const JobSpec job;
  Subject subject{probe, job, features, rows, background, first_outputs(rows), {}};
  subject.options.permutations = 4'000;
  const Explanation found = explained("shap", subject);
  ASSERT_EQ(found.values.size(), 3 * kFeatures);
  double largest = 0.0;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t i = 0; i < kFeatures; ++i) {
      const double wanted = exact(i, rows, row, background);
      const double error = found.errors[row * kFeatures + i];
      EXPECT_NEAR(found.values[row * kFeatures + i], wanted, 4.0 * error + 1e-5) << row << " " << i;
      EXPECT_LT(error, 0.1);
      largest = std::max(largest, std::abs(wanted));
    }
  }
  EXPECT_GT(largest, 0.5) << "there is something to find";
  // Each background row had as many turns: their mean is that of the background.
  EXPECT_LT(*found.sum_error, 1e-4);
}

TEST(Shap, SaysHowFarItsSumIsOff) {
  const ExampleSet rows = normal_rows(2, 4, 1), background = normal_rows(50, 4, 2);
  const Features features = single_features(kFeatures);
  FunctionProbe probe(kFeatures, tangled);
  const JobSpec job;
  Subject subject{probe, job, features, rows, background, first_outputs(rows), {}};
  subject.options.permutations = 6;  // three of the fifty
  const Explanation found = explained("shap", subject);
  double most = 0.0, mean = 0.0;
  for (std::size_t other = 0; other < 50; ++other)
    mean += tangled(std::span(background.inputs).subspan(other * kFeatures, kFeatures)) / 50.0;
  for (std::size_t row = 0; row < 2; ++row) {
    double sum = 0.0;
    for (std::size_t i = 0; i < kFeatures; ++i) sum += found.values[row * kFeatures + i];
    const double moved = tangled(std::span(rows.inputs).subspan(row * kFeatures, kFeatures)) - mean;
    most = std::max(most, std::abs(sum - moved));
  }
  EXPECT_NEAR(*found.sum_error, most, 1e-5);
  EXPECT_GT(most, 0.01);
}

// Of a linear function each feature's value is w (x - mean): no order matters.
TEST(Shap, OfALinearFunctionIsExact) {
  const std::vector<double> weights = {1.0, -2.0, 0.5, 0.0};
  const ExampleSet rows = normal_rows(5, 4, 3), background = normal_rows(8, 4, 4);
  const Features features = single_features(kFeatures);
  FunctionProbe probe(kFeatures, [&weights](Point x) {
    double sum = 3.0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += weights[i] * static_cast<double>(x[i]);
    return sum;
  });
  const JobSpec job;
  Subject subject{probe, job, features, rows, background, first_outputs(rows), {}};
  subject.options.permutations = 2 * 8 * 2;
  const Explanation found = explained("shap", subject);
  for (std::size_t i = 0; i < kFeatures; ++i) {
    double mean = 0.0;
    for (std::size_t other = 0; other < 8; ++other) mean += at(background, other, i) / 8.0;
    for (std::size_t row = 0; row < 5; ++row) {
      EXPECT_NEAR(found.values[row * kFeatures + i], weights[i] * (at(rows, row, i) - mean), 1e-5);
    }
  }
}

}  // namespace
}  // namespace tributary
