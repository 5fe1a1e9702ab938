// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/model_metadata.h"

#include <nlohmann/json.hpp>

#include "common/config/job_file.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

Json inputs_json(const DataSpec& data, const DataPlan& plan) {
  Json inputs = Json::array();
  for (const InputColumn& input : input_columns(data, plan)) {
    Json one = {{"column", input.column}};
    if (input.word) one["word"] = *input.word;
    if (input.numeric) {
      one["mean"] = input.numeric->mean;
      one["deviation"] = input.numeric->deviation;
    }
    inputs.push_back(std::move(one));
  }
  return inputs;
}

Json outputs_json(const DataSpec& data) {
  Json outputs = {{"label", data.label}};
  switch (data.target) {
    case TargetKind::kBinary:
      outputs["meaning"] = "logit of the positive class";
      break;
    case TargetKind::kClasses:
      outputs["meaning"] = "logit of each class";
      break;
    case TargetKind::kRegression:
      outputs["meaning"] = "value";
      break;
    case TargetKind::kSegmentation:
      outputs["meaning"] = "logit of each class at each pixel";
      break;
    case TargetKind::kTokens:
      outputs["meaning"] = "logit of each next token at each place";
      break;
    case TargetKind::kUnlabelled:
      outputs["meaning"] = "follows from train.objective";
      break;
  }
  if (!data.label_values.empty()) outputs["values"] = data.label_values;
  return outputs;
}

}  // namespace

Result<std::map<std::string, std::string>> model_metadata(const ModelInfo& info) {
  TRIB_TRY(file, parse_job(info.document, "the job's file"));
  const DataSpec& data = file.spec.data;
  std::map<std::string, std::string> metadata{{"format", "pt"},
                                              {"tributary.job", info.job.value},
                                              {"tributary.round", std::to_string(info.round)},
                                              {"tributary.job_file", info.document},
                                              {"tributary.outputs", outputs_json(data).dump()}};
  if (!data.features.empty()) metadata["tributary.inputs"] = inputs_json(data, info.plan).dump();
  const TransferSpec& transfer = file.spec.transfer;
  if (!transfer.freeze.empty() || transfer.lora) {
    metadata["tributary.partial"] =
        "what the job trains; what it froze or adapts is that of " +
        (transfer.start ? "its file " + file.model_path : std::string("its seed, or its module")) +
        ": tributary-client model export makes a whole module of both";
  }
  return metadata;
}

}  // namespace tributary
