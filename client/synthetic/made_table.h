// SPDX-License-Identifier: Apache-2.0
// A model's inputs by name, as its file's metadata tells them (tributary.inputs), and rows in these
// as a table in units and words. Plain functions, any thread. No files.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "client/data/example_set.h"
#include "client/learning/family.h"
#include "common/base/result.h"
#include "common/domain/data_plan.h"
#include "common/domain/job_spec.h"

namespace tributary {

// Of the metadata's JSON. kDataLoss: it is none of ours.
Result<std::vector<InputColumn>> inputs_of_metadata(const std::string& json);
// The inputs that are words of one category, where it has two or more.
std::vector<WordGroup> word_groups(const std::vector<InputColumn>& inputs);
// What encodes a site's rows into these inputs.
DataPlan plan_of(const std::vector<InputColumn>& inputs);

struct TableOptions {
  std::set<std::string> whole;  // columns whose numbers are rounded to whole ones
};

// One line for each row under the job's features as names, in their order. `inputs` are those of
// the job. kInvalidArgument: an option names no numeric column of the job.
Result<std::string> csv_of(const ExampleSet& rows, const DataSpec& spec,
                           const std::vector<InputColumn>& inputs, const TableOptions& options);

}  // namespace tributary
