// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <set>

#include "common/base/ids.h"
#include "common/base/text.h"
#include "common/config/catalog.h"
#include "common/config/job_sections.h"

namespace tributary {
namespace {

using Need = Section::Need;
constexpr NumberRange kShare{.min = 0.0, .max = 1.0, .below_max = true};

// Words that cells are compared with; a site would refuse, or never find, those that are no word.
std::vector<std::string> read_words(Section& from, std::string_view key) {
  std::vector<std::string> words = from.texts(key, std::vector<std::string>{});
  std::set<std::string> seen;
  for (const std::string& word : words) {
    if (word.empty()) from.fault(key, "a word is empty");
    if (word.size() > limits::kCategoryNameMax) {
      from.fault(key, quoted(word, 20) + " is over " + std::to_string(limits::kCategoryNameMax) +
                          " bytes; a text is no category");
    }
    if (!seen.insert(word).second) from.fault(key, quoted(word) + " stands twice");
  }
  return words;
}

// Two ways to write a feature; `- heart rate: numeric` is none, but it is clear what was meant.
bool is_name_and_type(Section& from) {
  const auto pair = from.only_pair();
  if (!pair || (pair->second != "numeric" && pair->second != "categorical")) return false;
  from.fault(pair->first, "write {name: " + escaped(pair->first) + ", type: " + pair->second + "}");
  from.ignore_rest();
  return true;
}

FeatureColumn read_feature(Section::Item& item) {
  FeatureColumn feature;
  if (item.word) {
    feature.name = *item.word;
    return feature;
  }
  Section& from = item.section;
  if (is_name_and_type(from)) {
    feature.name = from.keys()[0];
    return feature;
  }
  feature.name = from.text("name");
  feature.kind = enumeration<FeatureKind>(from, "type", {"numeric", "categorical"}, "numeric");
  if (feature.kind == FeatureKind::kCategorical) {
    feature.vocabulary = read_words(from, "values");
    feature.drop_first = from.flag("drop_first", false);
    if (feature.vocabulary.size() > limits::kCategoriesMax) {
      from.fault("values", "more than " + std::to_string(limits::kCategoriesMax));
    }
  } else if (from.has("mean") || from.has("deviation")) {
    feature.mean = from.number("mean", {});
    feature.deviation = from.number("deviation", {.min = 0.0, .above_min = true});
  }
  return feature;
}

void read_features(Section& from, DataSpec& data) {
  std::set<std::string> names;
  for (Section::Item& item : from.items("features")) {
    data.features.push_back(read_feature(item));
    const std::string& name = data.features.back().name;
    if (name.size() > limits::kTensorNameMax) from.fault("features", "a name is too long");
    if (!names.insert(name).second) from.fault("features", "'" + name + "' stands twice");
  }
  if (data.features.size() > limits::kColumnsMax) {
    from.fault("features", "more than " + std::to_string(limits::kColumnsMax));
  }
}

void read_label(Section& from, DataSpec& data) {
  if (from.is_word("label")) {
    data.label = from.text("label");
  } else {
    Section label = from.section("label", Need::kRequired);
    data.label = label.text("column");
    data.label_values = read_words(label, "values");
    if (label.has("positive_above")) data.positive_above = label.number("positive_above", {});
    if (data.positive_above && data.target != TargetKind::kBinary) {
      label.fault("positive_above", "is for task: binary");
    }
    if (data.target == TargetKind::kBinary && !data.label_values.empty() &&
        data.label_values.size() != 2) {
      label.fault("values", "binary: exactly two, the negative one first");
    }
    if (data.target == TargetKind::kRegression && !data.label_values.empty()) {
      label.fault("values", "a regression has no classes");
    }
  }
  for (const FeatureColumn& feature : data.features) {
    if (feature.name == data.label) from.fault("label", "'" + data.label + "' is also a feature");
  }
}

// Arrays bring their labels; what folders and indexes of files call them, the job says.
void read_array_label(Section& from, DataSpec& data) {
  Section label = from.section("label", Need::kRequired);
  data.label_values = read_words(label, "values");
  if (data.target == TargetKind::kBinary && !data.label_values.empty() &&
      data.label_values.size() != 2)
    label.fault("values", "binary: exactly two, the negative one first");
  if (data.target == TargetKind::kRegression && !data.label_values.empty())
    label.fault("values", "a regression has no classes");
}

void check_standardize(Section& from, const DataSpec& data) {
  if (!data.input_shape.empty() && data.standardize != Standardize::kNone) {
    from.fault("standardize", "is for tables; arrays have value_scale");
  }
  for (const FeatureColumn& feature : data.features) {
    if (feature.kind != FeatureKind::kNumeric) continue;
    const bool constants = feature.mean && feature.deviation;
    if (data.standardize == Standardize::kConstants && !constants) {
      from.fault("standardize",
                 "constants: feature '" + feature.name + "' has no mean and deviation");
    }
    if (data.standardize != Standardize::kConstants && constants) {
      from.fault("standardize", "feature '" + feature.name +
                                    "' has mean and deviation: write standardize: constants");
    }
  }
}

// How many classes there are; of tokens, the model's vocabulary says it where the job does not.
void read_classes(Section& from, DataSpec& data) {
  constexpr auto kMost = static_cast<std::int64_t>(limits::kClassesMax);
  if (!data.label_values.empty()) {
    data.classes = static_cast<std::int64_t>(data.label_values.size());
  } else if (data.target == TargetKind::kClasses || data.target == TargetKind::kSegmentation) {
    data.classes = from.integer("classes", {2, kMost});
  } else if (data.target == TargetKind::kTokens) {
    data.classes = from.has("classes") ? from.integer("classes", {2, kMost}) : 0;
  }
}

// The shape of a row's labels, where it follows from what stands here.
void read_target_shape(Section& from, DataSpec& data) {
  const std::vector<std::int64_t>& inputs = data.input_shape;
  if (data.target == TargetKind::kSegmentation) {
    if (inputs.size() == 3) {
      data.target_shape = {inputs[1], inputs[2]};
    } else {
      from.fault("task", "segmentation needs input_shape: [channels, height, width]");
    }
  }
  if (data.target == TargetKind::kTokens && !inputs.empty()) data.target_shape = {inputs[0]};
  if (from.has("target_shape")) {
    data.target_shape = from.integers("target_shape", {1, 1'000'000});
    if (data.target != TargetKind::kRegression || inputs.empty()) {
      from.fault("target_shape", "is for task: regression of arrays, with several targets a row");
    }
  }
  std::int64_t places = 1;
  for (const std::int64_t size : data.target_shape)
    places = std::min(places, limits::kPlacesMax) * size;
  if (places > limits::kPlacesMax || data.target_shape.size() >= limits::kTensorRankMax) {
    from.fault(data.target == TargetKind::kRegression ? "target_shape" : "input_shape",
               "a row has more than " + std::to_string(limits::kPlacesMax) + " labels");
  }
}

}  // namespace

DataSpec read_data(Section& root) {
  Section from = root.section("data", Need::kRequired);
  DataSpec data;
  data.dataset = from.name("dataset");
  data.target = enumeration<TargetKind>(
      from, "task", {"binary", "classes", "regression", "segmentation", "tokens", "unlabelled"},
      "binary");
  if (from.has("features") == from.has("input_shape")) {
    from.fault("features",
               "either features (a table) or input_shape (arrays), and only one of the two");
  }
  const bool arrays = from.has("input_shape");
  if (arrays) {
    data.input_shape = from.integers("input_shape", {1, 1'000'000});
    data.value_scale = from.number("value_scale", {.min = 0.0, .above_min = true}, 1.0);
    if (data.input_shape.empty() || data.input_shape.size() >= limits::kTensorRankMax) {
      from.fault("input_shape", "1 to " + std::to_string(limits::kTensorRankMax - 1) + " sizes");
    }
  } else if (from.has("features")) {
    read_features(from, data);
  }
  if (!arrays && data.target != TargetKind::kUnlabelled) read_label(from, data);
  if (arrays && from.has("label")) read_array_label(from, data);
  read_classes(from, data);
  read_target_shape(from, data);
  data.standardize =
      enumeration<Standardize>(from, "standardize", {"none", "site", "federated", "constants"},
                               arrays ? "none" : "federated");
  check_standardize(from, data);
  data.missing = enumeration<MissingValues>(from, "missing", {"drop_row", "mean"}, "drop_row");
  data.validation_fraction = from.number("validation_fraction", kShare, 0.2);
  data.minimum_category_count = from.integer("minimum_category_count", {1, 1'000'000}, 5);
  return data;
}

}  // namespace tributary
