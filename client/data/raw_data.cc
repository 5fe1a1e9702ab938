// SPDX-License-Identifier: Apache-2.0
#include "client/data/raw_data.h"

#include <numeric>

#include "client/data/table_encoder.h"

namespace tributary {
namespace {

std::vector<std::size_t> all_rows(std::size_t count) {
  std::vector<std::size_t> rows(count);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return rows;
}

std::size_t row_count(const ExampleSet& examples) {
  return static_cast<std::size_t>(examples.rows);
}

std::uint64_t records_of(const std::variant<Table, ExampleSet>& data) {
  if (const auto* table = std::get_if<Table>(&data)) return table->rows + table->unlabelled;
  return row_count(std::get<ExampleSet>(data));
}

std::uint64_t dropped_of_part(const std::variant<Table, ExampleSet>& data, std::size_t used) {
  const auto* table = std::get_if<Table>(&data);
  return table == nullptr ? 0 : table->rows - used + table->unlabelled;
}

// Nothing can be said of a model from rows without a label; where the job keeps them, they train.
void drop_unlabelled(const std::variant<Table, ExampleSet>& data, std::vector<std::size_t>& rows) {
  const auto* table = std::get_if<Table>(&data);
  const auto& labels = table != nullptr ? table->labels : std::get<ExampleSet>(data).labels;
  if (labels.size() != (table != nullptr ? table->rows : row_count(std::get<ExampleSet>(data))))
    return;  // a regression, or labels at places
  std::erase_if(rows, [&labels](std::size_t row) { return labels[row] < 0; });
}

}  // namespace

RowSplit split_of(const RawData& raw, const DataSpec& spec, std::uint64_t seed) {
  const auto usable = [&spec](const std::variant<Table, ExampleSet>& data) {
    if (const auto* table = std::get_if<Table>(&data)) return usable_rows(*table, spec);
    return all_rows(row_count(std::get<ExampleSet>(data)));
  };
  RowSplit split = raw.separate_validation
                       ? RowSplit{usable(raw.rows), usable(raw.validation)}
                       : split_rows(usable(raw.rows), spec.validation_fraction, seed);
  drop_unlabelled(raw.separate_validation ? raw.validation : raw.rows, split.validation);
  return split;
}

std::uint64_t dropped_of(const RawData& raw, const RowSplit& split) {
  const std::size_t training = split.training.size(), validation = split.validation.size();
  if (!raw.separate_validation) return dropped_of_part(raw.rows, training + validation);
  return dropped_of_part(raw.rows, training) + dropped_of_part(raw.validation, validation);
}

LoadContext context_of(const DatasetSource& source) {
  return {{}, FaultyRecords(source.faulty_records_max), source.store};
}

Result<RawData> read_raw(const DatasetSource& source, const DataSpec& spec, LoadContext& context) {
  TRIB_TRY(loader, find_loader(source.loader));
  TRIB_TRY(raw, loader->load(source.options, spec, context));
  const std::uint64_t fine =
      records_of(raw.rows) + (raw.separate_validation ? records_of(raw.validation) : 0);
  TRIB_CHECK_OK(context.faulty.check(fine, context.local_detail));
  return raw;
}

}  // namespace tributary
