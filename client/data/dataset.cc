// SPDX-License-Identifier: Apache-2.0
#include "client/data/dataset.h"

#include <new>
#include <numeric>

#include "client/data/loader.h"
#include "client/data/partition.h"
#include "client/data/split.h"
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

// Nothing can be said of a model from rows without a label; where the job keeps them, they train.
void drop_unlabelled(const std::variant<Table, ExampleSet>& data, std::vector<std::size_t>& rows) {
  const auto* table = std::get_if<Table>(&data);
  const auto& labels = table != nullptr ? table->labels : std::get<ExampleSet>(data).labels;
  if (labels.size() != (table != nullptr ? table->rows : row_count(std::get<ExampleSet>(data))))
    return;  // a regression, or labels at places
  std::erase_if(rows, [&labels](std::size_t row) { return labels[row] < 0; });
}

// The rows that are used, before the split; arrays have no incomplete ones.
RowSplit split_of(const RawData& raw, const DataSpec& spec, std::uint64_t seed) {
  const auto usable = [&spec](const std::variant<Table, ExampleSet>& data) {
    if (const auto* table = std::get_if<Table>(&data)) return usable_rows(*table, spec);
    return all_rows(row_count(std::get<ExampleSet>(data)));
  };
  if (!raw.separate_validation) {
    RowSplit split = split_rows(usable(raw.rows), spec.validation_fraction, seed);
    drop_unlabelled(raw.rows, split.validation);
    return split;
  }
  RowSplit split{usable(raw.rows), usable(raw.validation)};
  drop_unlabelled(raw.validation, split.validation);
  return split;
}

Result<RawData> read(const DatasetSource& source, const DataSpec& spec, std::string& local_detail) {
  TRIB_TRY(loader, find_loader(source.loader));
  return loader->load(source.options, spec, local_detail);
}

ExampleSet take_scaled(const ExampleSet& from, const DataSpec& spec,
                       const std::vector<std::size_t>& rows) {
  ExampleSet examples = take_rows(from, rows);
  const auto scale = static_cast<float>(spec.value_scale);
  if (spec.value_scale != 1.0) {
    for (float& value : examples.inputs) value *= scale;
  }
  return examples;
}

std::uint64_t dropped_of(const std::variant<Table, ExampleSet>& data, std::size_t used) {
  const auto* table = std::get_if<Table>(&data);
  return table == nullptr ? 0 : table->rows - used + table->unlabelled;
}

// Files may be larger than the site's memory; that is the task's failure, not the site's.
template <typename Action>
auto within_memory(Action action) -> decltype(action()) {
  try {
    return action();
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kResourceExhausted,
                      "the site's dataset does not fit in its memory");
  }
}

Result<DataSummary> summarize(const DatasetSource& source, const DataSpec& spec, std::uint64_t seed,
                              std::string& local_detail) {
  TRIB_TRY(raw, read(source, spec, local_detail));
  const RowSplit split = split_of(raw, spec, seed);
  DataSummary summary;
  if (const auto* table = std::get_if<Table>(&raw.rows)) {
    summary = summarize_rows(*table, spec, split.training);
  } else {
    summary.training_rows = split.training.size();
  }
  summary.validation_rows = split.validation.size();
  return summary;
}

Result<SiteExamples> load(const DatasetSource& source, const DataSpec& spec, const DataPlan& plan,
                          std::uint64_t seed, std::string& local_detail) {
  TRIB_TRY(raw, read(source, spec, local_detail));
  const RowSplit split = split_of(raw, spec, seed);
  const auto& validation_source = raw.separate_validation ? raw.validation : raw.rows;
  SiteExamples site;
  if (const auto* table = std::get_if<Table>(&raw.rows)) {
    DataSummary summary = summarize_rows(*table, spec, split.training);
    summary.validation_rows = split.validation.size();
    TRIB_TRY(own, plan_for_site(spec, plan, summary));
    TRIB_TRY(training, encode_rows(*table, spec, own, split.training));
    TRIB_TRY(validation,
             encode_rows(std::get<Table>(validation_source), spec, own, split.validation));
    const std::size_t used = split.training.size();
    site.dropped_rows =
        raw.separate_validation
            ? dropped_of(raw.rows, used) + dropped_of(raw.validation, split.validation.size())
            : dropped_of(raw.rows, used + split.validation.size());
    site.unknown_words =
        count_unknown_words(*table, spec, own, split.training) +
        count_unknown_words(std::get<Table>(validation_source), spec, own, split.validation);
    site.training = std::move(training);
    site.validation = std::move(validation);
    return site;
  }
  site.training = take_scaled(std::get<ExampleSet>(raw.rows), spec, split.training);
  site.validation = take_scaled(std::get<ExampleSet>(validation_source), spec, split.validation);
  return site;
}

}  // namespace

Result<DataSummary> summarize_dataset(const DatasetSource& source, const DataSpec& spec,
                                      std::uint64_t seed, std::string* local_detail) {
  return within_memory([&] { return summarize(source, spec, seed, *local_detail); });
}

Result<SiteExamples> load_dataset(const DatasetSource& source, const DataSpec& spec,
                                  const DataPlan& plan, std::uint64_t seed,
                                  std::string* local_detail) {
  return within_memory([&] { return load(source, spec, plan, seed, *local_detail); });
}

}  // namespace tributary
