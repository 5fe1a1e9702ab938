// SPDX-License-Identifier: Apache-2.0
// Rows of a table to sums that may leave the site, and to the floats a model sees. Plain functions,
// any thread.
#pragma once

#include <vector>

#include "client/data/example_set.h"
#include "client/data/table.h"
#include "common/base/result.h"
#include "common/domain/data_plan.h"

namespace tributary {

// Rows with every used cell present; all rows unless the job drops incomplete ones.
std::vector<std::size_t> usable_rows(const Table& table, const DataSpec& spec);

// Mean and squared deviations (Welford 1962) of numeric columns, counts of words; of `rows` only.
DataSummary summarize_rows(const Table& table, const DataSpec& spec,
                           const std::vector<std::size_t>& rows);

// Replaces the plan's statistics by the site's own where the job says so, and adds those that
// missing: mean needs.
Result<DataPlan> plan_for_site(const DataSpec& spec, const DataPlan& agreed,
                               const DataSummary& own);

// Cells with a word that is not in the plan's vocabulary: their columns are all zero.
std::uint64_t count_unknown_words(const Table& table, const DataSpec& spec, const DataPlan& plan,
                                  const std::vector<std::size_t>& rows);

// The rows lie in `store`; null: in memory.
Result<ExampleSet> encode_rows(const Table& table, const DataSpec& spec, const DataPlan& plan,
                               const std::vector<std::size_t>& rows,
                               const std::shared_ptr<RowStore>& store);

}  // namespace tributary
