// SPDX-License-Identifier: Apache-2.0
// DataLoader: a plug-in that reads a site's files, either as a table of named columns or as arrays.
// Factories are constants, any thread. It checks the files whole; it neither splits nor encodes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "client/data/example_set.h"
#include "client/data/faulty_records.h"
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

// What a loader is given beside its options, and leaves behind.
struct LoadContext {
  // What only the site may know of an error: file, line, column; no value of a record.
  std::string local_detail = {};
  FaultyRecords faulty{};
  std::shared_ptr<RowStore> store = nullptr;  // of the rows; null: memory

  // A record cannot be read: it is passed over, or the error comes back with `place` kept here.
  Status faulty_record(Error fault, const std::string& place);
};

struct DataLoader {
  std::string_view name;
  std::string_view help;
  Result<RawData> (*load)(const OptionMap& options, const DataSpec& spec, LoadContext& context);
};

std::span<const DataLoader* const> loader_table();  // generated
Result<const DataLoader*> find_loader(std::string_view name);

// An error that leaves the site as `shared`, with `local` kept here.
Error data_error(LoadContext& context, std::string shared, std::string local);

// An option that callers within this program may leave out.
template <typename T>
T option_or(const OptionMap& options, const std::string& name, T otherwise) {
  const auto found = options.find(name);
  const T* value = found == options.end() ? nullptr : std::get_if<T>(&found->second);
  return value == nullptr ? otherwise : *value;
}

// No rows yet, which will lie in the context's store.
ExampleSet empty_examples(const LoadContext& context);

}  // namespace tributary
