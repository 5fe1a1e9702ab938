// SPDX-License-Identifier: Apache-2.0
#include "client/learning/examples.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "client/learning/layers.h"

namespace tributary {

namespace {

bool is_id(float value, std::int64_t ids) {
  return value >= 0.0F && value < static_cast<float>(ids) && value == std::floor(value);
}

}  // namespace

std::int64_t model_outputs(const DataSpec& data, const std::vector<std::int64_t>& input_shape) {
  switch (data.target) {
    case TargetKind::kBinary:
      return 1;
    case TargetKind::kRegression:
      return features_of(data.target_shape);
    case TargetKind::kUnlabelled:
      return features_of(input_shape);
    case TargetKind::kClasses:
    case TargetKind::kSegmentation:
    case TargetKind::kTokens:
      break;
  }
  return data.label_values.empty() ? data.classes
                                   : static_cast<std::int64_t>(data.label_values.size());
}

Status check_examples(const JobSpec& job, const ExampleSet& data) {
  const auto wrong = [](const std::string& what) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "the site's examples do not fit the job: " + what);
  };
  const std::size_t rows = static_cast<std::size_t>(data.rows);
  if (data.inputs.size() != rows * static_cast<std::size_t>(features_of(data.input_shape))) {
    return wrong("the inputs are not rows times the input shape");
  }
  const auto family = find_family(job.model.name);
  if (family && (*family)->ids != nullptr) {
    const std::int64_t ids = (*family)->ids(job.model.options);
    if (ids > 0 && !std::ranges::all_of(data.inputs, [&](float id) { return is_id(id, ids); })) {
      return wrong("an input is no id from 0 to " + std::to_string(ids - 1) +
                   "; check model.vocabulary, and that data.value_scale is 1");
    }
  }
  if (job.data.target == TargetKind::kUnlabelled) return {};
  const std::size_t places = rows * static_cast<std::size_t>(features_of(data.target_shape));
  if (data.target_shape != job.data.target_shape) return wrong("targets of another shape");
  if (job.data.target == TargetKind::kRegression) {
    return data.targets.size() == places ? Status{} : wrong("not one target for each row");
  }
  if (data.labels.size() != places) return wrong("not one label for each row");
  const bool may_lack = job.train.objective.name == "pseudo_labels";
  const std::int64_t least = labels_places(job.data.target) || may_lack ? -1 : 0;
  const std::int64_t classes =
      job.data.target == TargetKind::kBinary ? 2 : model_outputs(job.data, data.input_shape);
  for (const std::int64_t label : data.labels) {
    if (label < least || label >= classes) {
      return wrong("a label is not one of the classes 0 to " + std::to_string(classes - 1) +
                   "; check data.classes and data.label_values");
    }
  }
  return {};
}

}  // namespace tributary
