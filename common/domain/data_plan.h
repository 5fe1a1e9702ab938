// SPDX-License-Identifier: Apache-2.0
// What sites tell of their data before the first round (DataSummary: counts, sums, category names,
// never a record) and what the federation agrees on from it (DataPlan). Plain values, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

struct NumericSummary {
  std::uint64_t count = 0;  // values present in training rows
  double mean = 0.0;
  double squared_deviations = 0.0;  // sum of (x - mean)^2
  // Where a job asks for it: values by size, as common/domain/quantile_cells.h numbers the cells;
  // none with fewer values than the job's minimum_category_count.
  std::map<std::int32_t, std::uint64_t> cells = {};
  bool operator==(const NumericSummary&) const = default;
};

struct DataSummary {
  std::uint64_t training_rows = 0;
  std::uint64_t validation_rows = 0;
  std::map<std::string, NumericSummary> numeric;
  std::map<std::string, std::map<std::string, std::uint64_t>> categories;  // column -> word -> rows
  bool operator==(const DataSummary&) const = default;
};

struct NumericPlan {
  double mean = 0.0;
  double deviation = 1.0;  // sample deviation (n - 1) + 1e-9
  bool operator==(const NumericPlan&) const = default;
};

struct DataPlan {
  std::map<std::string, NumericPlan> numeric;  // standardize: federated or constants
  std::map<std::string, std::vector<std::string>> vocabularies;  // sorted, by column
  bool operator==(const DataPlan&) const = default;
};

// One input of a model for tables: a number, or whether a category is this word.
struct InputColumn {
  std::string column;
  std::optional<NumericPlan> numeric;  // none where the sites standardise by themselves, or nobody
  std::optional<std::string> word;
};
// The inputs in the order in which the model takes them; empty for arrays.
std::vector<InputColumn> input_columns(const DataSpec& spec, const DataPlan& plan);

// Whether a site's summary can be merged: its size and its figures are within limits.
Status validate_summary(const DataSummary& summary);

// Merges valid summaries (in name order, by Chan's pairwise formula, so the result does not depend
// on who came first) with what the job fixes. Fails where a numeric column has fewer than two
// values over all sites or a vocabulary is over its limit.
Result<DataPlan> agree_on_plan(const DataSpec& spec,
                               const std::map<std::string, DataSummary>& by_site);

}  // namespace tributary
