// SPDX-License-Identifier: Apache-2.0
#include "common/config/job_sections.h"

#include <algorithm>
#include <bit>
#include <set>

#include "common/base/ids.h"
#include "common/base/text.h"
#include "common/config/catalog.h"

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

}  // namespace

DataSpec read_data(Section& root) {
  Section from = root.section("data", Need::kRequired);
  DataSpec data;
  data.dataset = from.name("dataset");
  data.target =
      enumeration<TargetKind>(from, "task", {"binary", "classes", "regression"}, "binary");
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
  if (!arrays) read_label(from, data);  // arrays bring their labels
  if (data.target == TargetKind::kClasses && data.label_values.empty()) {
    data.classes = from.integer("classes", {2, static_cast<std::int64_t>(limits::kClassesMax)});
  } else if (!data.label_values.empty()) {
    data.classes = static_cast<std::int64_t>(data.label_values.size());
  }
  data.standardize =
      enumeration<Standardize>(from, "standardize", {"none", "site", "federated", "constants"},
                               arrays ? "none" : "federated");
  check_standardize(from, data);
  data.missing = enumeration<MissingValues>(from, "missing", {"drop_row", "mean"}, "drop_row");
  data.validation_fraction = from.number("validation_fraction", kShare, 0.2);
  data.minimum_category_count = from.integer("minimum_category_count", {1, 1'000'000}, 5);
  return data;
}

namespace {

PluginChoice read_encoding(Section& from, const char* key) {
  PluginChoice encoding = read_plugin(from, key, "name", update_encodings(), "fp32");
  const auto block = encoding.options.find("block");
  if (block != encoding.options.end() &&
      !std::has_single_bit(static_cast<std::uint64_t>(std::get<std::int64_t>(block->second))))
    from.fault(key, "block must be a power of two");
  return encoding;
}

}  // namespace

TrainSpec read_train(Section& root) {
  Section from = root.section("train", Need::kRequired);
  TrainSpec train;
  train.algorithm = read_plugin(from, "algorithm", "name", client_algorithms(), "fedavg");
  train.optimizer = read_plugin(from, "optimizer", "name", client_optimizers(), "sgd");
  train.loss = from.choice("loss", {"auto", "bce", "cross_entropy", "mse"}, "auto");
  train.epochs = from.integer("epochs", {1, 10'000}, 1);
  train.steps = from.integer("steps", {0, 10'000'000}, 0);
  train.batch_size = from.integer("batch_size", {0, 1'000'000}, 32);
  train.learning_rate_decay =
      from.number("learning_rate_decay", {.min = 0.0, .max = 1.0, .above_min = true}, 1.0);
  train.encoding = read_encoding(from, "encoding");
  train.download_encoding = read_encoding(from, "download_encoding");
  train.keep_local = from.texts("keep_local", std::vector<std::string>{});
  if (std::ranges::count(train.keep_local, "") > 0) from.fault("keep_local", "a pattern is empty");
  Section personal = from.section("personal", Need::kOptional);
  if (personal.present()) {
    train.personal.emplace();
    train.personal->lambda = personal.number("lambda", {.min = 0.0}, 0.1);
  }
  return train;
}

AggregationSpec read_aggregate(Section& root) {
  Section from = root.section("aggregate", Need::kOptional);
  AggregationSpec spec;
  spec.before = read_plugin(from, "before", "name", pre_aggregators(), "none");
  spec.rule = read_plugin(from, "rule", "name", aggregation_rules(), "weighted_mean");
  spec.server_optimizer = read_plugin(from, "server_optimizer", "name", server_optimizers(), "sgd");
  spec.schedule = read_plugin(from, "schedule", "name", learning_rate_schedules(), "constant");
  spec.example_cap = static_cast<std::uint64_t>(
      from.integer("example_cap", {1, static_cast<std::int64_t>(limits::kExamplesMax)}, 1'000'000));
  spec.coordinate_bound =
      from.number("coordinate_bound", {.min = 0.0, .max = 1e6, .above_min = true}, 1024.0);
  return spec;
}

}  // namespace tributary
