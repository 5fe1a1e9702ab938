// SPDX-License-Identifier: Apache-2.0
// What a training makes small, and what changes its rows, against the rest of a job.
#include <algorithm>

#include "common/base/text.h"
#include "common/config/catalog.h"
#include "common/config/job_sections.h"

namespace tributary {
namespace {

using Need = Section::Need;

bool reads_ids(const JobSpec& spec) {
  return spec.data.text.has_value() || spec.data.target == TargetKind::kTokens ||
         spec.model.options.contains("vocabulary");
}

bool has_pictures(const DataSpec& data) { return data.input_shape.size() == 3; }
bool has_series(const DataSpec& data) {
  return data.windows.has_value() || data.input_shape.size() == 2;
}

// A batch under privacy.records is a sum over rows, each of which changes only its own part.
void check_mixing(Section& train, const JobSpec& spec, const PluginSchema& plugin) {
  const AugmentationNeeds& needs = plugin.augmentation;
  if (spec.privacy.records) {
    train.fault("augment", plugin.name +
                               " makes of several rows one, and privacy.records bounds what each "
                               "row does by itself; leave it out");
  }
  if (spec.train.objective.name != "supervised") {
    train.fault("augment", plugin.name + " is made for rows with labels, and objective: " +
                               spec.train.objective.name + " has rows without; leave it out");
  }
  const TargetKind target = spec.data.target;
  if (needs.whole_rows && target != TargetKind::kBinary && target != TargetKind::kClasses) {
    train.fault("augment", plugin.name +
                               " evens out classes: it is for data.task: binary and "
                               "classes");
  }
  const bool last = spec.train.augment.back().name == plugin.name;
  if (!needs.whole_rows && !last) {
    train.fault("augment", plugin.name + " mixes rows as they are in the end; write it last");
  }
}

void check_augmentation(Section& train, const JobSpec& spec, const PluginSchema& plugin) {
  const AugmentationNeeds& needs = plugin.augmentation;
  if (reads_ids(spec)) {
    train.fault("augment", plugin.name +
                               " changes numbers, and the inputs of this job are ids of tokens; "
                               "leave it out");
    return;
  }
  if (needs.pictures && !has_pictures(spec.data)) {
    train.fault("augment", plugin.name +
                               " changes pictures: it needs data.input_shape of three "
                               "sizes, [channels, height, width]");
  }
  if (needs.series && !has_series(spec.data)) {
    train.fault("augment", plugin.name +
                               " changes series: it needs data.input_shape of two sizes, "
                               "[steps, features], or data.windows");
  }
  const auto same = std::ranges::count(spec.train.augment, plugin.name, &PluginChoice::name);
  if (same > 1) train.fault("augment", "'" + plugin.name + "' stands twice");
  if (needs.mixes) check_mixing(train, spec, plugin);
}

const PluginSchema& augmentation_named(const std::string& name) {
  return *std::ranges::find(augmentations(), name, &PluginSchema::name);
}

void check_contrastive(Section& train, const JobSpec& spec) {
  if (spec.train.batch_size == 1) {
    train.fault("batch_size",
                "1 leaves nothing that a row could be unlike; objective: contrastive "
                "learns from other rows of the batch");
  }
  if (spec.train.augment.empty()) {
    train.fault("objective",
                "contrastive makes two changed views of each row alike: write what changes them "
                "under augment");
  }
}

// Its weights are means over all rows of a site, which one plain step with rate 1 makes them.
void check_copula(Section& root, const JobSpec& spec) {
  if (spec.data.target != TargetKind::kUnlabelled) {
    root.section("data", Section::Need::kRequired)
        .fault("task",
               "model: copula makes whole rows: use task: unlabelled, and let features "
               "name the label's column too");
  }
  for (const FeatureColumn& feature : spec.data.features) {
    if (!feature.drop_first) continue;
    root.section("data", Section::Need::kRequired)
        .fault("features",
               quoted(feature.name) + " has drop_first, and model: copula needs every word of it");
  }
  const bool plain =
      spec.train.optimizer ==
      PluginChoice{
          "sgd",
          {{"learning_rate", 1.0}, {"momentum", 0.0}, {"weight_decay", 0.0}, {"nesterov", false}}};
  Section train = root.section("train", Section::Need::kRequired);
  if (!plain) {
    train.fault(
        "optimizer",
        "model: copula wants {name: sgd, learning_rate: 1}, whose one step makes its weights "
        "the means over a site's rows");
  }
  if (spec.train.batch_size != 0 || spec.train.epochs != 1 || spec.train.steps != 0) {
    train.fault("batch_size",
                "model: copula wants batch_size: 0 and epochs: 1, one step over all "
                "rows of a site");
  }
  if (spec.train.algorithm.name != "fedavg" || spec.train.schedule.name != "constant")
    train.fault("algorithm", "model: copula wants fedavg, and schedule: constant");
}

void check_choice(Section& train, const JobSpec& spec) {
  const std::string& name = spec.train.objective.name;
  const TargetKind target = spec.data.target;
  const bool unlabelled = target == TargetKind::kUnlabelled;
  if (name == "supervised") {
    if (unlabelled) {
      train.fault("objective",
                  "supervised needs labels, and data.task is unlabelled; write "
                  "reconstruction, masked or contrastive");
    }
    return;
  }
  if (name == "statistics") {
    if (spec.model.name != "copula")
      train.fault("objective", "statistics is what model: copula takes by itself; leave it out");
    return;
  }
  if (spec.privacy.records) {
    train.fault("objective", name +
                                 (name == "contrastive" ? " lets the rows of a batch see each other"
                                                        : " has no gradients of single rows here") +
                                 ", and privacy.records bounds those of each row; write "
                                 "supervised");
  }
  if (name == "pseudo_labels") {
    if (target != TargetKind::kBinary && target != TargetKind::kClasses)
      train.fault("objective",
                  "pseudo_labels gives classes: it is for data.task: binary and "
                  "classes");
    return;
  }
  if (!unlabelled) {
    train.fault("objective", name + " learns without labels; write data.task: unlabelled");
  }
  if (reads_ids(spec)) {
    train.fault("objective", name +
                                 " is for numbers, and the inputs of this job are ids of "
                                 "tokens; a text teaches by its next token: data.task: tokens");
  }
  if (name == "contrastive") check_contrastive(train, spec);
}

}  // namespace

void check_objective(Section& root, const JobSpec& spec) {
  Section train = root.section("train", Need::kRequired);
  for (std::size_t i = 0; i < spec.train.augment.size(); ++i) {
    const std::string& name = spec.train.augment[i].name;
    const auto first = std::ranges::find(spec.train.augment, name, &PluginChoice::name);
    // Each fault once, also of what stands twice.
    if (first - spec.train.augment.begin() == static_cast<std::ptrdiff_t>(i))
      check_augmentation(train, spec, augmentation_named(name));
  }
  check_choice(train, spec);
  if (spec.model.name == "copula") check_copula(root, spec);
}

}  // namespace tributary
