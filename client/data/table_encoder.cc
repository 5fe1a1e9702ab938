// SPDX-License-Identifier: Apache-2.0
#include "client/data/table_encoder.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr double kDeviationFloor = 1e-9;  // as DataPlan's: a constant column stays finite

bool is_missing(const TableColumn& column, FeatureKind kind, std::size_t row) {
  return kind == FeatureKind::kNumeric ? std::isnan(column.numbers[row])
                                       : column.words[row] == TableColumn::kMissingWord;
}

NumericSummary summarize_numbers(const std::vector<double>& numbers,
                                 const std::vector<std::size_t>& rows) {
  NumericSummary summary;
  for (const std::size_t row : rows) {
    const double x = numbers[row];
    if (std::isnan(x)) continue;
    ++summary.count;
    const double delta = x - summary.mean;
    summary.mean += delta / static_cast<double>(summary.count);
    summary.squared_deviations += delta * (x - summary.mean);
  }
  return summary;
}

// Writes the columns of one feature into each row, `width` floats apart.
using Write = std::function<void(std::size_t row, float* to)>;

struct EncodedFeature {
  std::size_t width = 1;
  Write write;
};

EncodedFeature numeric_feature(const TableColumn& column, const DataSpec& spec,
                               const NumericPlan& plan) {
  const bool scaled = spec.standardize != Standardize::kNone;
  return {1, [&column, plan, scaled](std::size_t row, float* to) {
            const double x = std::isnan(column.numbers[row]) ? plan.mean : column.numbers[row];
            *to = static_cast<float>(scaled ? (x - plan.mean) / plan.deviation : x);
          }};
}

// Index of each local word in the vocabulary; its size for a word that is not there, which leaves
// all columns zero.
std::vector<std::size_t> places_of(const TableColumn& column,
                                   const std::vector<std::string>& vocabulary) {
  std::vector<std::size_t> places;
  for (const std::string& word : column.dictionary) {
    places.push_back(
        static_cast<std::size_t>(std::ranges::find(vocabulary, word) - vocabulary.begin()));
  }
  return places;
}

EncodedFeature categorical_feature(const TableColumn& column, const FeatureColumn& spec,
                                   const std::vector<std::string>& vocabulary) {
  const std::size_t first = spec.drop_first ? 1 : 0;
  const std::vector<std::size_t> places = places_of(column, vocabulary);
  const std::size_t size = vocabulary.size();
  return {size - std::min(size, first), [&column, places, size, first](std::size_t row, float* to) {
            const std::uint32_t word = column.words[row];
            if (word >= places.size()) return;  // missing, or none of the job's words
            const std::size_t place = places[word];
            if (place < size && place >= first) to[place - first] = 1.0f;
          }};
}

// Of the site's training rows; a deviation of fewer than two values would blow up every other
// value.
Result<NumericPlan> numeric_of_site(const std::string& column, bool scaled,
                                    const DataSummary& own) {
  const NumericSummary& summary = own.numeric.at(column);
  const std::uint64_t needed = scaled ? 2 : 1;
  if (summary.count < needed) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "column '" + column + "' has fewer than " + std::to_string(needed) +
                          " values in this site's training rows; standardize: federated does not "
                          "need them");
  }
  if (!scaled) return NumericPlan{summary.mean, 1.0};
  const double variance = summary.squared_deviations / static_cast<double>(summary.count - 1);
  return NumericPlan{summary.mean, std::sqrt(variance) + kDeviationFloor};
}

Result<std::size_t> checked_width(const std::vector<EncodedFeature>& features) {
  std::size_t width = 0;
  for (const EncodedFeature& feature : features) width += feature.width;
  if (width > 0 && width <= limits::kColumnsMax) return width;
  return make_error(ErrorCode::kInvalidArgument,
                    "the features make " + std::to_string(width) + " columns; between 1 and " +
                        std::to_string(limits::kColumnsMax) + " are possible");
}

}  // namespace

std::vector<std::size_t> usable_rows(const Table& table, const DataSpec& spec) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < table.rows; ++row) {
    bool complete = true;
    for (std::size_t i = 0; complete && i < spec.features.size(); ++i) {
      complete = !is_missing(table.features[i], spec.features[i].kind, row);
    }
    if (complete || spec.missing == MissingValues::kMean) rows.push_back(row);
  }
  return rows;
}

DataSummary summarize_rows(const Table& table, const DataSpec& spec,
                           const std::vector<std::size_t>& rows) {
  DataSummary summary;
  summary.training_rows = rows.size();
  for (std::size_t i = 0; i < spec.features.size(); ++i) {
    const FeatureColumn& feature = spec.features[i];
    const TableColumn& column = table.features[i];
    if (feature.kind == FeatureKind::kNumeric) {
      summary.numeric[feature.name] = summarize_numbers(column.numbers, rows);
      continue;
    }
    std::map<std::string, std::uint64_t>& words = summary.categories[feature.name];
    for (const std::size_t row : rows) {
      if (column.words[row] < column.dictionary.size())
        ++words[column.dictionary[column.words[row]]];
    }
    // A rare word may point at a person, so it is not named.
    std::erase_if(words, [&spec](const auto& word) {
      return word.second < static_cast<std::uint64_t>(spec.minimum_category_count);
    });
  }
  return summary;
}

Result<DataPlan> plan_for_site(const DataSpec& spec, const DataPlan& agreed,
                               const DataSummary& own) {
  DataPlan plan = agreed;
  for (const FeatureColumn& feature : spec.features) {
    if (feature.kind == FeatureKind::kCategorical) {
      if (!feature.vocabulary.empty()) plan.vocabularies[feature.name] = feature.vocabulary;
      continue;
    }
    if (feature.mean && feature.deviation) {
      plan.numeric[feature.name] = {*feature.mean, *feature.deviation};
    }
    const bool scaled_by_site = spec.standardize == Standardize::kSite;
    if (!scaled_by_site && plan.numeric.contains(feature.name)) continue;
    if (!scaled_by_site && spec.standardize != Standardize::kNone) {
      return make_error(ErrorCode::kFailedPrecondition,
                        "the plan has no mean and deviation for column '" + feature.name + "'");
    }
    plan.numeric[feature.name] = {};
    const bool used = own.training_rows + own.validation_rows > 0;
    if (!used || (!scaled_by_site && spec.missing == MissingValues::kDropRow)) continue;
    TRIB_TRY(numeric, numeric_of_site(feature.name, scaled_by_site, own));
    plan.numeric[feature.name] = numeric;
  }
  return plan;
}

std::uint64_t count_unknown_words(const Table& table, const DataSpec& spec, const DataPlan& plan,
                                  const std::vector<std::size_t>& rows) {
  std::uint64_t unknown = 0;
  for (std::size_t i = 0; i < spec.features.size(); ++i) {
    const auto vocabulary = plan.vocabularies.find(spec.features[i].name);
    if (vocabulary == plan.vocabularies.end()) continue;
    const TableColumn& column = table.features[i];
    const std::vector<std::size_t> places = places_of(column, vocabulary->second);
    for (const std::size_t row : rows) {
      const std::uint32_t word = column.words[row];
      const bool named = word < places.size() && places[word] < vocabulary->second.size();
      if (!named && word != TableColumn::kMissingWord) ++unknown;
    }
  }
  return unknown;
}

Result<ExampleSet> encode_rows(const Table& table, const DataSpec& spec, const DataPlan& plan,
                               const std::vector<std::size_t>& rows,
                               const std::shared_ptr<RowStore>& store) {
  std::vector<EncodedFeature> encoded;
  for (std::size_t i = 0; i < spec.features.size(); ++i) {
    const FeatureColumn& feature = spec.features[i];
    if (feature.kind == FeatureKind::kNumeric) {
      encoded.push_back(numeric_feature(table.features[i], spec, plan.numeric.at(feature.name)));
    } else {
      const auto vocabulary = plan.vocabularies.find(feature.name);
      if (vocabulary == plan.vocabularies.end()) {
        return make_error(ErrorCode::kFailedPrecondition,
                          "the plan has no vocabulary for column '" + feature.name + "'");
      }
      encoded.push_back(categorical_feature(table.features[i], feature, vocabulary->second));
    }
  }
  TRIB_TRY(width, checked_width(encoded));
  ExampleSet examples = stored_examples(store);
  examples.input_shape = {static_cast<std::int64_t>(width)};
  examples.rows = static_cast<std::int64_t>(rows.size());
  examples.inputs.assign(rows.size() * width, 0.0f);
  float* to = examples.inputs.data();
  for (const std::size_t row : rows) {
    for (std::size_t i = 0; i < encoded.size(); ++i) {
      encoded[i].write(row, to);
      if (encoded[i].width > 0 && !std::isfinite(*to)) {
        return make_error(ErrorCode::kInvalidArgument,
                          "column '" + spec.features[i].name + "' has a value that is too large");
      }
      to += encoded[i].width;
    }
    if (spec.target == TargetKind::kRegression) {
      examples.targets.push_back(table.targets[row]);
    } else if (spec.target != TargetKind::kUnlabelled) {
      examples.labels.push_back(table.labels[row]);
    }
  }
  return examples;
}

}  // namespace tributary
