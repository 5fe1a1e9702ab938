// SPDX-License-Identifier: Apache-2.0
// DataSpec: what a job says of the sites' data. Plain values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tributary {

enum class FeatureKind { kNumeric, kCategorical };

struct FeatureColumn {
  std::string name;
  FeatureKind kind = FeatureKind::kNumeric;
  std::vector<std::string>
      vocabulary;                   // categorical: fixed by the job; empty = agreed over the sites
  bool drop_first = false;          // categorical: no column for the first word of the vocabulary
  std::optional<double> mean = {};  // numeric, standardize: constants
  std::optional<double> deviation = {};
  bool operator==(const FeatureColumn&) const = default;
};

enum class Standardize { kNone, kSite, kFederated, kConstants };
enum class MissingValues {
  kDropRow,
  kMean
};  // kMean: the mean that standardisation uses; a category becomes all zero
enum class TargetKind {
  kBinary,
  kClasses,
  kRegression,
  kSegmentation,  // a class for each pixel of a picture
  kTokens,        // the next token at each place of a text; padding counts for nothing
  kUnlabelled,    // no label: what is learned follows from train.objective
};
// A label at each of several places of a row: pixels or tokens; -1 where there is none.
constexpr bool labels_places(TargetKind kind) {
  return kind == TargetKind::kSegmentation || kind == TargetKind::kTokens;
}

// Rows that are texts, made ids of tokens: 0 is padding, 1 the start, 2 the end, 3 a token that is
// not known.
struct TextSpec {
  std::string tokenizer = "bytes";  // bytes | words | bpe (Sennrich et al. 2016)
  std::int64_t vocabulary = 260;    // ids are below it; of words and bpe, agreed over the sites
  std::int64_t length = 128;        // tokens of a row: longer texts are cut, shorter ones padded
  std::string column;               // the text's, of a table; empty: a line of the file is a text
  // kTokens: the column of its translation, which is to be written; empty: the text goes on.
  std::string translation;
  bool operator==(const TextSpec&) const = default;
};

// Windows over the rows of a table, in the order of the file: each becomes one example of shape
// [length, columns].
struct WindowSpec {
  std::int64_t length = 32;  // rows of a window
  std::int64_t stride = 1;   // rows from the start of one to that of the next
  // 0: the label is that of the window's last row. Else the values of the label's column in so many
  // rows behind it, as many outputs.
  std::int64_t horizon = 0;
  std::string by;  // a column whose change no window crosses: one machine, one patient
  bool operator==(const WindowSpec&) const = default;
};

struct DataSpec {
  std::string dataset;                       // logical name; only the site knows where it is
  std::vector<FeatureColumn> features = {};  // tables; empty for arrays (IDX, NPZ)
  std::vector<std::int64_t>
      input_shape;           // arrays: shape of one example, e.g. [1, 28, 28]; empty for tables
  double value_scale = 1.0;  // arrays: x := x * value_scale (1/255 for pixels)
  // Shape of one example's labels or targets; empty: one. kSegmentation: [height, width];
  // kTokens: [length].
  std::vector<std::int64_t> target_shape = {};
  std::optional<TextSpec> text = {};
  std::optional<WindowSpec> windows = {};
  std::string label;  // tables: label column
  TargetKind target = TargetKind::kBinary;
  std::optional<double> positive_above = {};  // binary: label > this is the positive class
  std::vector<std::string>
      label_values;  // classes by name, in class order; binary: {negative, positive}
  std::int64_t classes =
      2;  // kClasses, kSegmentation, kTokens: labels 0..classes-1 unless label_values
  Standardize standardize = Standardize::kFederated;
  MissingValues missing = MissingValues::kDropRow;
  double validation_fraction = 0.2;  // ignored where the site names validation files of its own
  std::int64_t minimum_category_count = 5;  // a site does not name a category with fewer rows
  // Training rows without a label are kept, with the class -1: train.objective has a use for them.
  bool keep_unlabelled = false;
  bool operator==(const DataSpec&) const = default;
};

}  // namespace tributary
