// SPDX-License-Identifier: Apache-2.0
// What a dataset holds, as a job would read it, for the people of the site. None of it leaves.
// Plain values and functions, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/data/dataset.h"

namespace tributary {

struct SeenValues {
  std::uint64_t count = 0;  // finite values
  double least = 0.0, most = 0.0, mean = 0.0;

  void add(double value);
};

struct ColumnDescription {
  std::string name;
  bool numeric = true;
  std::uint64_t missing = 0;
  SeenValues numbers = {};
  std::map<std::string, std::uint64_t> words = {};  // rows of each
  std::uint64_t other_words = 0;  // cells whose word is none of those that the job fixes
};

struct DatasetDescription {
  std::uint64_t training_rows = 0, validation_rows = 0;
  std::uint64_t dropped_rows = 0;  // incomplete or without a label
  std::uint64_t faulty_rows = 0;
  std::vector<std::string> faulty_places = {};  // the first of them
  std::vector<ColumnDescription> columns = {};  // of a table, as the job lists them
  SeenValues inputs = {};                       // of arrays and pictures, as they are in the files
  std::map<std::int64_t, std::uint64_t> classes = {};  // class to labels; -1: places without one
  SeenValues targets = {};                             // of a regression
};

// Over all rows that could be read, training and validation together. Errors as load_dataset's.
Result<DatasetDescription> describe_dataset(const DatasetSource& source, const DataSpec& spec,
                                            std::uint64_t seed, std::string* local_detail);

}  // namespace tributary
