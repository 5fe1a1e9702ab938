// SPDX-License-Identifier: Apache-2.0
// DataLoader: a plug-in that reads a site's files, either as a table of named columns or as arrays.
// Factories are constants, any thread. It checks the files whole; it neither splits nor encodes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "client/data/example_set.h"
#include "client/data/table.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

// Arrays as they are in the file: `inputs` unscaled, `labels` or `targets` by kind of task.
struct RawData {
  std::variant<Table, ExampleSet> rows;
  bool separate_validation = false;  // the site names validation files of its own
  std::variant<Table, ExampleSet> validation;
};

struct DataLoader {
  std::string_view name;
  std::string_view help;
  // `local_detail` takes what only the site may know: file, line, column; no value of a record.
  Result<RawData> (*load)(const OptionMap& options, const DataSpec& spec,
                          std::string& local_detail);
};

std::span<const DataLoader* const> loader_table();  // generated
Result<const DataLoader*> find_loader(std::string_view name);

// An error that leaves the site as `shared`, with `local` kept here.
Error data_error(std::string& local_detail, std::string shared, std::string local);

}  // namespace tributary
