// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>

#include "common/config/catalog.h"
#include "common/config/job_sections.h"

namespace tributary {

using Need = Section::Need;

namespace {

PluginChoice read_encoding(Section& from, const char* key) {
  PluginChoice encoding = read_plugin(from, key, "name", update_encodings(), "fp32");
  const auto block = encoding.options.find("block");
  if (block != encoding.options.end() &&
      !std::has_single_bit(static_cast<std::uint64_t>(std::get<std::int64_t>(block->second))))
    from.fault(key, "block must be a power of two");
  return encoding;
}

ClassWeights read_class_weights(Section& from) {
  ClassWeights read;
  if (!from.has("class_weights") || from.is_word("class_weights")) {
    read.balanced = from.choice("class_weights", {"even", "balanced"}, "even") == "balanced";
    return read;
  }
  for (const std::string& written : from.texts("class_weights")) {
    const Result<double> weight =
        parse_number(written, {.min = 0.0, .max = 1e6, .above_min = true});
    if (!weight) {
      from.fault("class_weights", weight.error().message);
      return {};
    }
    read.weights.push_back(*weight);
  }
  if (read.weights.empty()) from.fault("class_weights", "names no class; leave it out, or even");
  return read;
}

}  // namespace

TrainSpec read_train(Section& root, const DataSpec& data) {
  Section from = root.section("train", Need::kRequired);
  TrainSpec train;
  train.algorithm = read_plugin(from, "algorithm", "name", client_algorithms(), "fedavg");
  train.optimizer = read_plugin(from, "optimizer", "name", client_optimizers(), "sgd");
  const bool unlabelled = data.target == TargetKind::kUnlabelled;
  train.objective = read_plugin(from, "objective", "name", training_objectives(),
                                unlabelled ? "reconstruction" : "supervised");
  train.augment = read_plugins(from, "augment", "name", augmentations());
  train.loss = from.choice("loss", {"auto", "bce", "cross_entropy", "mse"}, "auto");
  train.epochs = from.integer("epochs", {1, 10'000}, 1);
  train.steps = from.integer("steps", {0, 10'000'000}, 0);
  train.batch_size = from.integer("batch_size", {0, 1'000'000}, 32);
  train.schedule = read_plugin(from, "schedule", "name", learning_rate_schedules(), "constant");
  train.clip_norm = from.number("clip_norm", {.min = 0.0}, 0.0);
  train.mixed_precision = from.flag("mixed_precision", false);
  train.class_weights = read_class_weights(from);
  train.encoding = read_encoding(from, "encoding");
  train.download_encoding = read_encoding(from, "download_encoding");
  train.keep_local = from.texts("keep_local", std::vector<std::string>{});
  if (std::ranges::count(train.keep_local, "") > 0) from.fault("keep_local", "a pattern is empty");
  Section stop = from.section("local_stop", Need::kOptional);
  if (stop.present())
    train.local_stop.emplace().patience = stop.integer("patience", {1, 10'000}, 2);
  Section tune = from.section("fine_tune", Need::kOptional);
  if (tune.present()) {
    train.fine_tune.emplace().epochs = tune.integer("epochs", {1, 10'000}, 1);
    if (tune.has("learning_rate"))
      train.fine_tune->learning_rate =
          tune.number("learning_rate", {.min = 0.0, .above_min = true});
  }
  Section personal = from.section("personal", Need::kOptional);
  if (personal.present()) {
    train.personal.emplace();
    train.personal->lambda = personal.number("lambda", {.min = 0.0}, 0.1);
  }
  return train;
}

}  // namespace tributary
