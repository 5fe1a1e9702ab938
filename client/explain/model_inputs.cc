// SPDX-License-Identifier: Apache-2.0
#include "client/explain/model_inputs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/safetensors_reader.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

Error wrong(const std::string& what) {
  return make_error(ErrorCode::kInvalidArgument, "the model's tributary.inputs " + what);
}

bool is_number(const Json& input, const char* key) {
  return input.contains(key) && input.at(key).is_number();
}

Result<DataPlan> plan_of_inputs(const Json& inputs) {
  DataPlan plan;
  for (const Json& input : inputs) {
    if (!input.is_object() || !input.contains("column") || !input.at("column").is_string())
      return wrong("has an input without a column");
    const auto column = input.at("column").get<std::string>();
    if (input.contains("word")) {
      if (!input.at("word").is_string()) return wrong("has a word that is no text");
      plan.vocabularies[column].push_back(input.at("word").get<std::string>());
    } else if (is_number(input, "mean") && is_number(input, "deviation")) {
      plan.numeric[column] = {input.at("mean").get<double>(), input.at("deviation").get<double>()};
    }
  }
  return plan;
}

// A first word that has no input is told by nobody: as any word that is not known, it has zeros.
void put_first_words(const DataSpec& data, DataPlan& plan) {
  for (const FeatureColumn& feature : data.features) {
    if (feature.kind != FeatureKind::kCategorical) continue;
    if (!feature.vocabulary.empty()) {
      plan.vocabularies[feature.name] = feature.vocabulary;
    } else if (feature.drop_first) {
      auto& words = plan.vocabularies[feature.name];
      words.insert(words.begin(), std::string());
    }
  }
}

bool same_inputs(const Json& told, const std::vector<InputColumn>& follow) {
  return std::ranges::equal(told, follow, [](const Json& a, const InputColumn& b) {
    if (a.at("column").get<std::string>() != b.column) return false;
    return a.contains("word") ? b.word == a.at("word").get<std::string>() : !b.word;
  });
}

// Of a model that says nothing of its inputs.
Result<DataPlan> plan_of_job(const DataSpec& data) {
  const bool agreed = data.standardize == Standardize::kFederated &&
                      std::ranges::any_of(data.features, [](const FeatureColumn& feature) {
                        return feature.kind == FeatureKind::kNumeric;
                      });
  const bool words = std::ranges::any_of(data.features, [](const FeatureColumn& feature) {
    return feature.kind == FeatureKind::kCategorical && feature.vocabulary.empty();
  });
  if (agreed || words) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the model does not say what its sites agreed on (tributary.inputs): take it "
                      "with `tributaryctl model get`");
  }
  return agree_on_plan(data, {});
}

}  // namespace

Result<DescribedModel> read_model_file(ByteView bytes) {
  TRIB_TRY(model, decode_safetensors(bytes));
  const ReadAt read_at = [bytes](std::uint64_t offset, MutableByteView into) -> Status {
    std::ranges::copy(bytes.subspan(offset, into.size()), into.begin());
    return {};
  };
  TRIB_TRY(reader, SafetensorsReader::open(read_at, bytes.size()));
  return DescribedModel{std::move(model), reader->metadata()};
}

Result<DataPlan> plan_of_model(const DataSpec& data,
                               const std::map<std::string, std::string>& metadata) {
  if (data.features.empty()) return DataPlan{};
  const auto told = metadata.find("tributary.inputs");
  if (told == metadata.end()) return plan_of_job(data);
  const Json inputs = Json::parse(told->second, nullptr, false);
  if (!inputs.is_array() || inputs.size() > limits::kColumnsMax) return wrong("is no list");
  TRIB_TRY(plan, plan_of_inputs(inputs));
  put_first_words(data, plan);
  if (!same_inputs(inputs, input_columns(data, plan)))
    return wrong("is not that of the job: other columns or words");
  return plan;
}

}  // namespace tributary
