// SPDX-License-Identifier: Apache-2.0
// Table: the columns of a job as typed cells. Plain value, any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/domain/job_spec.h"

namespace tributary {

// One column; of the two vectors the one of its kind is filled. Missing: NaN, or index
// kMissingWord.
struct TableColumn {
  static constexpr std::uint32_t kMissingWord = std::numeric_limits<std::uint32_t>::max();
  // A word outside the vocabulary that the job fixed: a value, but none that is named or coded.
  static constexpr std::uint32_t kOtherWord = kMissingWord - 1;

  std::vector<double> numbers;
  std::vector<std::uint32_t> words;     // index into `dictionary`
  std::vector<std::string> dictionary;  // distinct words in order of first appearance
};

struct Table {
  std::size_t rows = 0;
  std::size_t unlabelled = 0;         // rows left out
  std::vector<TableColumn> features;  // as in DataSpec::features
  // Binary and classes: the class, -1 where there is none; regression: empty.
  std::vector<std::int64_t> labels;
  std::vector<float> targets;
};

// Builds a table cell by cell, in file order; knows which column of the file is which of the job.
class TableBuilder {
 public:
  // `missing`: words that stand for no value.
  TableBuilder(const DataSpec& spec, std::vector<std::string> missing);

  // Names of the file's columns, in order. Fails with a text that names only columns of the job.
  Status set_columns(const std::vector<std::string>& names);
  std::size_t width() const { return roles_.size(); }
  // One line of the file; without a label it is left out and counted, unless the job keeps such
  // rows. Errors name the column, never the value, and leave the table as it was.
  Status add_row(const std::vector<std::string>& cells);
  Table take() { return std::move(table_); }

 private:
  bool is_missing(const std::string& cell) const;
  void drop_half_row();
  Status add_label(const std::string& cell);
  Status add_cell(std::size_t feature, const std::string& cell);

  const DataSpec& spec_;
  std::vector<std::string> missing_;
  std::vector<int> roles_;  // per file column: index of a feature, kLabel or kUnused
  Table table_;
};

}  // namespace tributary
