// SPDX-License-Identifier: Apache-2.0
// Dataset: a site's local data behind a logical name: what it tells of itself (DataSummary) and the
// examples made from it with the plan the federation agreed on. Functions, any thread. Errors never
// name a path, a value or a record: they may travel as a task's failure. `local_detail` (never
// null) takes file and line of a fault for the site's own log, no value either, and stays as it is
// without one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client/data/example_set.h"
#include "common/base/result.h"
#include "common/domain/data_plan.h"
#include "common/domain/job_spec.h"

namespace tributary {

// One entry of client.yaml's `datasets`: a loader by name (csv, idx, npz) with its options (paths
// and format).
struct DatasetSource {
  std::string loader;
  OptionMap options;
  // Of all records, those that cannot be read and are passed over; 0: none.
  double faulty_records_max = 0.0;
  std::shared_ptr<RowStore> store = nullptr;  // where the rows are to lie; null: in memory
};
// As client.yaml has it.
DatasetSource dataset_source(const PluginChoice& dataset, std::shared_ptr<RowStore> store);

// Counts, sums and category names of the training rows. The split is that of load_dataset.
Result<DataSummary> summarize_dataset(const DatasetSource& source, const DataSpec& spec,
                                      std::uint64_t seed, std::string* local_detail);
// Training and validation rows, standardised and one-hot coded by the plan (or the site's own
// statistics).
Result<SiteExamples> load_dataset(const DatasetSource& source, const DataSpec& spec,
                                  const DataPlan& plan, std::uint64_t seed,
                                  std::string* local_detail);

}  // namespace tributary
