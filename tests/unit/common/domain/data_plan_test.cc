// SPDX-License-Identifier: Apache-2.0
#include "common/domain/data_plan.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/base/limits.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

DataSpec spec() {
  DataSpec spec;
  spec.features = {{"x", FeatureKind::kNumeric, {}, false, {}, {}},
                   {"c", FeatureKind::kCategorical, {}, false, {}, {}}};
  return spec;
}

// The reference computes mean and deviation over all values at once, in long double.
TEST(DataPlan, FederatedStatisticsAreThoseOfAllRowsTogether) {
  SeededRandom random(4);
  std::map<std::string, DataSummary> by_site;
  std::vector<long double> all;
  for (int site = 0; site < 5; ++site) {
    NumericSummary summary;
    for (int i = 0; i < 10 + 30 * site; ++i) {
      const double x = 1e6 + 100.0 * site + random.normal();
      all.push_back(x);
      ++summary.count;
      const double delta = x - summary.mean;
      summary.mean += delta / static_cast<double>(summary.count);
      summary.squared_deviations += delta * (x - summary.mean);
    }
    DataSummary& one = by_site["site-" + std::to_string(site)];
    one.training_rows = summary.count;
    one.numeric["x"] = summary;
    one.categories["c"] = {{"b", 7}, {site == 3 ? "a" : "z", 9}};
  }
  const auto plan = agree_on_plan(spec(), by_site);
  ASSERT_TRUE(plan) << plan.error().message;
  long double mean = 0, squares = 0;
  for (const long double x : all) mean += x;
  mean /= static_cast<long double>(all.size());
  for (const long double x : all) squares += (x - mean) * (x - mean);
  const double deviation =
      static_cast<double>(std::sqrt(squares / static_cast<long double>(all.size() - 1)));
  EXPECT_NEAR(plan->numeric.at("x").mean, static_cast<double>(mean), 1e-7);
  EXPECT_NEAR(plan->numeric.at("x").deviation, deviation, 1e-7);
  EXPECT_EQ(plan->vocabularies.at("c"), (std::vector<std::string>{"a", "b", "z"}));
}

TEST(DataPlan, SummariesThatCouldSpoilThePlanAreRefused) {
  DataSummary summary{.training_rows = 2, .validation_rows = 0, .numeric = {}, .categories = {}};
  summary.numeric["x"] = {.count = 2, .mean = 3.0, .squared_deviations = 1.0};
  EXPECT_TRUE(validate_summary(summary));
  summary.numeric["x"].mean = -1e101;
  EXPECT_FALSE(validate_summary(summary));
  summary.numeric["x"] = {.count = 2, .mean = 0.0, .squared_deviations = 1e300};
  EXPECT_FALSE(validate_summary(summary));
  summary.numeric.clear();
  for (std::size_t i = 0; i <= limits::kPlanBytesMax / limits::kCategoryNameMax; ++i) {
    std::string word = std::to_string(i);
    word.resize(limits::kCategoryNameMax, '-');
    summary.categories["c"][word] = 1;
  }
  EXPECT_FALSE(validate_summary(summary));
}

TEST(DataPlan, AColumnWithoutAnyValueIsAnError) {
  std::map<std::string, DataSummary> by_site;
  by_site["a"].numeric["x"] = {};
  by_site["a"].categories["c"] = {{"b", 7}};
  EXPECT_FALSE(agree_on_plan(spec(), by_site));
}

}  // namespace
}  // namespace tributary
