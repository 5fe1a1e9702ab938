// SPDX-License-Identifier: Apache-2.0
// ExampleSet: one site's rows as a model sees them. Plain value, any thread. No names of columns or
// persons, no file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/data/row_store.h"

namespace tributary {

struct ExampleSet {
  std::vector<std::int64_t> input_shape;  // of one example
  std::int64_t rows = 0;
  RowVector<float> inputs;         // row-major, rows * product(input_shape)
  RowVector<std::int64_t> labels;  // binary 0/1 or class index, -1 where a place has none
  RowVector<float> targets;        // regression only
  std::vector<std::int64_t> target_shape = {};  // of one example's labels or targets; empty: one
};

// No rows yet, which will lie in `store`; null: in memory.
inline ExampleSet stored_examples(const std::shared_ptr<RowStore>& store) {
  ExampleSet examples;
  examples.inputs = RowVector<float>(RowAllocator<float>(store));
  examples.labels = RowVector<std::int64_t>(RowAllocator<std::int64_t>(store));
  examples.targets = RowVector<float>(RowAllocator<float>(store));
  return examples;
}

struct SiteExamples {
  ExampleSet training;
  ExampleSet validation;
  std::uint64_t dropped_rows = 0;   // incomplete or without a label
  std::uint64_t unknown_words = 0;  // cells of used rows whose word the plan's vocabulary lacks
  std::uint64_t faulty_rows = 0;    // could not be read, and the site lets so many be passed over
  std::vector<std::string> faulty_places = {};  // the first of them, for the site's own log
};

}  // namespace tributary
