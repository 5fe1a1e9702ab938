// SPDX-License-Identifier: Apache-2.0
#include "client/data/description.h"

#include <algorithm>
#include <cmath>

#include "client/data/raw_data.h"

namespace tributary {
namespace {

void describe_column(const TableColumn& column, ColumnDescription& to) {
  for (const double number : column.numbers) {
    if (std::isnan(number)) {
      ++to.missing;
    } else {
      to.numbers.add(number);
    }
  }
  for (const std::uint32_t word : column.words) {
    if (word == TableColumn::kMissingWord) {
      ++to.missing;
    } else if (word == TableColumn::kOtherWord) {
      ++to.other_words;
    } else {
      ++to.words[column.dictionary[word]];
    }
  }
}

void describe_table(const Table& table, const DataSpec& spec, DatasetDescription& to) {
  to.columns.resize(spec.features.size());
  for (std::size_t i = 0; i < spec.features.size(); ++i) {
    to.columns[i].name = spec.features[i].name;
    to.columns[i].numeric = spec.features[i].kind == FeatureKind::kNumeric;
    describe_column(table.features[i], to.columns[i]);
  }
  for (const std::int64_t label : table.labels) ++to.classes[label];
  for (const float target : table.targets) to.targets.add(static_cast<double>(target));
}

void describe_part(const std::variant<Table, ExampleSet>& part, const DataSpec& spec,
                   DatasetDescription& to) {
  if (const auto* table = std::get_if<Table>(&part)) return describe_table(*table, spec, to);
  const auto& examples = std::get<ExampleSet>(part);
  for (const float value : examples.inputs) to.inputs.add(static_cast<double>(value));
  for (const std::int64_t label : examples.labels) ++to.classes[label];
  for (const float target : examples.targets) to.targets.add(static_cast<double>(target));
}

Result<DatasetDescription> describe(const DatasetSource& source, const DataSpec& spec,
                                    std::uint64_t seed, LoadContext& context) {
  TRIB_TRY(raw, read_raw(source, spec, context));
  const RowSplit split = split_of(raw, spec, seed);
  DatasetDescription to;
  to.training_rows = split.training.size();
  to.validation_rows = split.validation.size();
  to.dropped_rows = dropped_of(raw, split);
  to.faulty_rows = context.faulty.count();
  to.faulty_places = context.faulty.places();
  describe_part(raw.rows, spec, to);
  if (raw.separate_validation) describe_part(raw.validation, spec, to);
  return to;
}

}  // namespace

void SeenValues::add(double value) {
  ++count;
  least = count == 1 ? value : std::min(least, value);
  most = count == 1 ? value : std::max(most, value);
  mean += (value - mean) / static_cast<double>(count);
}

Result<DatasetDescription> describe_dataset(const DatasetSource& source, const DataSpec& spec,
                                            std::uint64_t seed, std::string* local_detail) {
  LoadContext context = context_of(source);
  auto described = within_memory([&] { return describe(source, spec, seed, context); });
  if (!described) *local_detail = std::move(context.local_detail);
  return described;
}

}  // namespace tributary
