// SPDX-License-Identifier: Apache-2.0
#include "common/domain/data_plan.h"

#include <cmath>
#include <set>

#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr double kDeviationFloor = 1e-9;

// Chan, Golub, LeVeque 1979: parallel merge of mean and squared deviations.
NumericSummary merge(const NumericSummary& a, const NumericSummary& b) {
  if (a.count == 0) return b;
  if (b.count == 0) return a;
  const double n_a = static_cast<double>(a.count);
  const double n_b = static_cast<double>(b.count);
  const double delta = b.mean - a.mean;
  return {.count = a.count + b.count,
          .mean = a.mean + delta * n_b / (n_a + n_b),
          .squared_deviations = a.squared_deviations + b.squared_deviations +
                                delta * delta * n_a * n_b / (n_a + n_b)};
}

Result<NumericPlan> plan_numeric(const FeatureColumn& column, const DataSpec& spec,
                                 const std::map<std::string, DataSummary>& by_site) {
  if (spec.standardize == Standardize::kConstants) {
    return NumericPlan{column.mean.value_or(0.0), column.deviation.value_or(1.0)};
  }
  NumericSummary all;
  for (const auto& [site, summary] : by_site) {
    if (const auto found = summary.numeric.find(column.name); found != summary.numeric.end()) {
      all = merge(all, found->second);
    }
  }
  if (all.count < 2) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "column '" + column.name +
                          "' has fewer than two values over all sites; leave it out of "
                          "data.features or correct the sites' files");
  }
  return NumericPlan{
      all.mean,
      std::sqrt(all.squared_deviations / static_cast<double>(all.count - 1)) + kDeviationFloor};
}

Result<std::vector<std::string>> plan_vocabulary(
    const FeatureColumn& column, const std::map<std::string, DataSummary>& by_site) {
  if (!column.vocabulary.empty()) return column.vocabulary;
  std::set<std::string> words;
  for (const auto& [site, summary] : by_site) {
    if (const auto found = summary.categories.find(column.name);
        found != summary.categories.end()) {
      for (const auto& [word, rows] : found->second) words.insert(word);
    }
  }
  if (words.empty() || words.size() > limits::kCategoriesMax) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "column '" + column.name + "' has " + std::to_string(words.size()) +
                          " categories over all sites; between 1 and " +
                          std::to_string(limits::kCategoriesMax) + " are possible");
  }
  return std::vector<std::string>(words.begin(), words.end());
}

}  // namespace

std::vector<InputColumn> input_columns(const DataSpec& spec, const DataPlan& plan) {
  std::vector<InputColumn> inputs;
  for (const FeatureColumn& feature : spec.features) {
    if (feature.kind == FeatureKind::kNumeric) {
      const auto numeric = plan.numeric.find(feature.name);
      inputs.push_back(
          {feature.name,
           numeric == plan.numeric.end() ? std::nullopt : std::optional(numeric->second),
           std::nullopt});
      continue;
    }
    const auto words = plan.vocabularies.find(feature.name);
    if (words == plan.vocabularies.end()) continue;
    for (std::size_t i = feature.drop_first ? 1 : 0; i < words->second.size(); ++i)
      inputs.push_back({feature.name, std::nullopt, words->second[i]});
  }
  return inputs;
}

Status validate_summary(const DataSummary& summary) {
  std::size_t bytes = 0;
  for (const auto& [column, one] : summary.numeric) {
    bytes += column.size();
    const double spread =
        one.count == 0 ? 0.0 : std::sqrt(one.squared_deviations / static_cast<double>(one.count));
    if (!(std::abs(one.mean) <= limits::kStatisticMax && spread <= limits::kStatisticMax)) {
      return make_error(ErrorCode::kInvalidArgument,
                        "column '" + column + "' has values beyond 1e100");
    }
  }
  for (const auto& [column, words] : summary.categories) {
    bytes += column.size();
    for (const auto& [word, rows] : words) bytes += word.size();
  }
  if (bytes > limits::kPlanBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the words of its categories take " + std::to_string(bytes) +
                          " bytes; at most " + std::to_string(limits::kPlanBytesMax) +
                          " are possible. A column of free text is no category");
  }
  return {};
}

Result<DataPlan> agree_on_plan(const DataSpec& spec,
                               const std::map<std::string, DataSummary>& by_site) {
  DataPlan plan;
  std::size_t bytes = 0;
  for (const FeatureColumn& column : spec.features) {
    bytes += column.name.size();
    if (column.kind == FeatureKind::kCategorical) {
      TRIB_TRY(vocabulary, plan_vocabulary(column, by_site));
      for (const std::string& word : vocabulary) bytes += word.size();
      plan.vocabularies[column.name] = std::move(vocabulary);
    } else if (spec.standardize == Standardize::kFederated ||
               spec.standardize == Standardize::kConstants) {
      TRIB_TRY(numeric, plan_numeric(column, spec, by_site));
      plan.numeric[column.name] = numeric;
    }
  }
  if (bytes > limits::kPlanBytesMax) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "the categories of all sites take " + std::to_string(bytes) +
                          " bytes; at most " + std::to_string(limits::kPlanBytesMax) +
                          " are possible");
  }
  return plan;
}

}  // namespace tributary
