// SPDX-License-Identifier: Apache-2.0
#include "client/synthetic/made_table.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/base/assert.h"
#include "common/base/short_number.h"
#include "common/base/text.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

Error no_inputs(const std::string& what) {
  return make_error(ErrorCode::kDataLoss, "the model file's tributary.inputs " + what);
}

// RFC 4180. A cell that a spreadsheet would take for a formula is somebody's word: it is left as it
// is, as the sites' own files have it.
std::string cell_of(const std::string& word) {
  if (word.find_first_of(",\"\r\n") == std::string::npos) return word;
  std::string cell = "\"";
  for (const char c : word) cell += c == '"' ? "\"\"" : std::string(1, c);
  return cell + "\"";
}

std::string number_cell(float value, const InputColumn& input, bool whole) {
  double number = static_cast<double>(value);
  if (input.numeric) number = number * input.numeric->deviation + input.numeric->mean;
  if (whole) number = std::round(number);
  return short_number(number == 0.0 ? 0.0 : number);  // no -0
}

// The inputs of one feature: [first, first + count).
struct Place {
  const FeatureColumn* feature;
  std::size_t first;
  std::size_t count;
};

Result<std::vector<Place>> places_of(const DataSpec& spec, const std::vector<InputColumn>& inputs) {
  std::vector<Place> places;
  std::size_t at = 0;
  for (const FeatureColumn& feature : spec.features) {
    const std::size_t first = at;
    while (at < inputs.size() && inputs[at].column == feature.name) ++at;
    const bool numeric = feature.kind == FeatureKind::kNumeric;
    if (at == first || (numeric && at != first + 1) || inputs[first].word.has_value() == numeric)
      return no_inputs("are not those of the job: see " + tributary::quoted(feature.name));
    places.push_back({&feature, first, at - first});
  }
  if (at != inputs.size()) return no_inputs("are more than those of the job");
  return places;
}

}  // namespace

Result<std::vector<InputColumn>> inputs_of_metadata(const std::string& json) {
  const Json all = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!all.is_array() || all.empty()) return no_inputs("are no list of inputs");
  std::vector<InputColumn> inputs;
  for (const Json& one : all) {
    if (!one.is_object() || !one.contains("column") || !one["column"].is_string())
      return no_inputs("have one without a column");
    InputColumn input{one["column"].get<std::string>(), std::nullopt, std::nullopt};
    if (const auto word = one.find("word"); word != one.end() && word->is_string())
      input.word = word->get<std::string>();
    const auto mean = one.find("mean"), deviation = one.find("deviation");
    if (mean != one.end() && deviation != one.end()) {
      if (!mean->is_number() || !deviation->is_number() || !(deviation->get<double>() > 0.0))
        return no_inputs("have no deviation above 0 for " + tributary::quoted(input.column));
      input.numeric = NumericPlan{mean->get<double>(), deviation->get<double>()};
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

std::vector<WordGroup> word_groups(const std::vector<InputColumn>& inputs) {
  std::vector<WordGroup> groups;
  for (std::size_t at = 0; at < inputs.size();) {
    std::size_t end = at + 1;
    while (inputs[at].word && end < inputs.size() && inputs[end].word &&
           inputs[end].column == inputs[at].column)
      ++end;
    if (end - at > 1) groups.push_back({at, end - at});
    at = end;
  }
  return groups;
}

DataPlan plan_of(const std::vector<InputColumn>& inputs) {
  DataPlan plan;
  for (const InputColumn& input : inputs) {
    if (input.numeric) plan.numeric[input.column] = *input.numeric;
    if (input.word) plan.vocabularies[input.column].push_back(*input.word);
  }
  return plan;
}

Result<std::string> csv_of(const ExampleSet& rows, const DataSpec& spec,
                           const std::vector<InputColumn>& inputs, const TableOptions& options) {
  TRIB_ASSERT(rows.inputs.size() == static_cast<std::size_t>(rows.rows) * inputs.size(),
              "a value for each input of each row");
  if (spec.standardize == Standardize::kSite) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the job's sites standardise each by its own figures, so that nobody knows "
                      "the units of made rows: use data.standardize: federated");
  }
  TRIB_TRY(places, places_of(spec, inputs));
  for (const std::string& name : options.whole) {
    const auto found = std::ranges::find(spec.features, name, &FeatureColumn::name);
    if (found != spec.features.end() && found->kind == FeatureKind::kNumeric) continue;
    return make_error(ErrorCode::kInvalidArgument, "the job has no numeric column " +
                                                       tributary::quoted(name) + " to be rounded");
  }
  std::string csv;
  for (const Place& place : places)
    csv += (place.first > 0 ? "," : "") + cell_of(place.feature->name);
  csv += "\n";
  for (std::size_t at = 0; at < rows.inputs.size(); at += inputs.size()) {
    for (const Place& place : places) {
      if (place.first > 0) csv += ",";
      const auto values = std::span(rows.inputs).subspan(at + place.first, place.count);
      if (place.feature->kind == FeatureKind::kNumeric) {
        const bool whole = options.whole.contains(place.feature->name);
        csv += number_cell(values[0], inputs[place.first], whole);
        continue;
      }
      const auto best = std::ranges::max_element(values) - values.begin();
      csv += cell_of(*inputs[place.first + static_cast<std::size_t>(best)].word);
    }
    csv += "\n";
  }
  return csv;
}

}  // namespace tributary
