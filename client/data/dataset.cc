// SPDX-License-Identifier: Apache-2.0
#include "client/data/dataset.h"

#include "client/data/partition.h"
#include "client/data/raw_data.h"
#include "client/data/table_encoder.h"

namespace tributary {
namespace {

void scale(ExampleSet& examples, const DataSpec& spec) {
  const auto factor = static_cast<float>(spec.value_scale);
  if (spec.value_scale == 1.0) return;
  for (float& value : examples.inputs) value *= factor;
}

// In place, as there may be no room for a second copy.
void place_arrays(RawData raw, const RowSplit& split, const DataSpec& spec, SiteExamples& site) {
  ExampleSet& rows = std::get<ExampleSet>(raw.rows);
  if (raw.separate_validation) {
    site.validation = std::get<ExampleSet>(std::move(raw.validation));
  } else {
    site.validation = take_rows(rows, split.validation);
    keep_rows(rows, split.training);
  }
  site.training = std::move(rows);
  scale(site.training, spec);
  scale(site.validation, spec);
}

Result<DataSummary> summarize(const DatasetSource& source, const DataSpec& spec, std::uint64_t seed,
                              LoadContext& context) {
  TRIB_TRY(raw, read_raw(source, spec, context));
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
                          std::uint64_t seed, LoadContext& context) {
  TRIB_TRY(raw, read_raw(source, spec, context));
  const RowSplit split = split_of(raw, spec, seed);
  const auto& validation_source = raw.separate_validation ? raw.validation : raw.rows;
  SiteExamples site;
  site.faulty_rows = context.faulty.count();
  site.faulty_places = context.faulty.places();
  if (const auto* table = std::get_if<Table>(&raw.rows)) {
    DataSummary summary = summarize_rows(*table, spec, split.training);
    summary.validation_rows = split.validation.size();
    TRIB_TRY(own, plan_for_site(spec, plan, summary));
    TRIB_TRY(training, encode_rows(*table, spec, own, split.training, context.store));
    TRIB_TRY(validation, encode_rows(std::get<Table>(validation_source), spec, own,
                                     split.validation, context.store));
    site.dropped_rows = dropped_of(raw, split);
    site.unknown_words =
        count_unknown_words(*table, spec, own, split.training) +
        count_unknown_words(std::get<Table>(validation_source), spec, own, split.validation);
    site.training = std::move(training);
    site.validation = std::move(validation);
    return site;
  }
  place_arrays(std::move(raw), split, spec, site);
  return site;
}

}  // namespace

DatasetSource dataset_source(const PluginChoice& dataset, std::shared_ptr<RowStore> store) {
  return {dataset.name, dataset.options, option_or(dataset.options, "faulty_records_max", 0.0),
          std::move(store)};
}

Result<DataSummary> summarize_dataset(const DatasetSource& source, const DataSpec& spec,
                                      std::uint64_t seed, std::string* local_detail) {
  LoadContext context = context_of(source);
  auto summary = within_memory([&] { return summarize(source, spec, seed, context); });
  if (!summary) *local_detail = std::move(context.local_detail);
  return summary;
}

Result<SiteExamples> load_dataset(const DatasetSource& source, const DataSpec& spec,
                                  const DataPlan& plan, std::uint64_t seed,
                                  std::string* local_detail) {
  LoadContext context = context_of(source);
  auto site = within_memory([&] { return load(source, spec, plan, seed, context); });
  if (!site) *local_detail = std::move(context.local_detail);
  return site;
}

}  // namespace tributary
