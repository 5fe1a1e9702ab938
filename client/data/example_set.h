// SPDX-License-Identifier: Apache-2.0
// ExampleSet: one site's rows as a model sees them. Plain value, any thread. No names of columns or
// persons, no file.
#pragma once

#include <cstdint>
#include <vector>

namespace tributary {

struct ExampleSet {
  std::vector<std::int64_t> input_shape;  // of one example
  std::int64_t rows = 0;
  std::vector<float> inputs;         // row-major, rows * product(input_shape)
  std::vector<std::int64_t> labels;  // binary 0/1 or class index, -1 where a place has none
  std::vector<float> targets;        // regression only
  std::vector<std::int64_t> target_shape = {};  // of one example's labels or targets; empty: one
};

struct SiteExamples {
  ExampleSet training;
  ExampleSet validation;
  std::uint64_t dropped_rows = 0;   // incomplete or without a label
  std::uint64_t unknown_words = 0;  // cells of used rows whose word the plan's vocabulary lacks
};

}  // namespace tributary
