// SPDX-License-Identifier: Apache-2.0
// How a job trains, against its other choices.
#include "common/config/job_sections.h"

namespace tributary {
namespace {

using Need = Section::Need;

bool has_classes(TargetKind target) {
  return target != TargetKind::kRegression && target != TargetKind::kUnlabelled;
}

// 0: only the site's files say.
std::size_t classes_of(const DataSpec& data) {
  if (data.target == TargetKind::kBinary) return 2;
  return data.label_values.empty() ? static_cast<std::size_t>(data.classes)
                                   : data.label_values.size();
}

void check_class_weights(Section& train, const JobSpec& spec) {
  const auto& [balanced, weights] = spec.train.class_weights;
  if (!balanced && weights.empty()) return;
  if (!has_classes(spec.data.target)) {
    train.fault("class_weights", "is for tasks with classes, and data.task has none");
    return;
  }
  const std::size_t classes = classes_of(spec.data);
  if (!weights.empty() && weights.size() != classes) {
    train.fault("class_weights", "has " + std::to_string(weights.size()) + " weights for " +
                                     std::to_string(classes) +
                                     " classes; of a binary task they are [negative, positive]");
  }
}

// Steps are of a fixed number, each from rows by chance, and nothing else may tell of a row.
void check_private(Section& train, const TrainSpec& spec) {
  if (spec.clip_norm > 0.0) {
    train.fault("clip_norm",
                "shortens the gradient of a batch, and privacy.records that of each row; use "
                "privacy.records.clip");
  }
  if (spec.class_weights.balanced) {
    train.fault("class_weights",
                "balanced would tell how rare classes are among the rows that privacy.records "
                "hides; write the weights down");
  }
  if (spec.fine_tune) {
    train.fault("fine_tune",
                "is one more training on the same rows, without the noise that privacy.records "
                "promises; leave it out");
  }
  if (spec.local_stop) {
    train.fault("local_stop",
                "looks at rows without noise, and when it stops tells of them, which "
                "privacy.records hides; leave it out");
  }
}

// Each site tunes when it is asked to judge the last model.
void check_fine_tune(Section& root, Section& train, const JobSpec& spec) {
  if (!spec.train.fine_tune) return;
  if (spec.train.personal) {
    train.fault("fine_tune",
                "makes the site's own model out of the last one, and train.personal beside it; "
                "choose one");
  }
  if (!spec.evaluation.by_evaluators && spec.evaluation.fraction == 1.0) return;
  root.section("evaluate", Need::kRequired)
      .fault(spec.evaluation.by_evaluators ? "by" : "fraction",
             "leaves out sites, which train.fine_tune asks when they judge the last model; use "
             "by: sites and fraction: 1");
}

}  // namespace

void check_train(Section& root, const JobSpec& spec) {
  Section train = root.section("train", Need::kRequired);
  check_class_weights(train, spec);
  check_fine_tune(root, train, spec);
  if (spec.privacy.records) check_private(train, spec.train);
}

void check_warmup(Section& section, const PluginChoice& schedule, std::uint32_t rounds) {
  const auto warmup = schedule.options.find("warmup");
  if (warmup == schedule.options.end() ||
      std::get<std::int64_t>(warmup->second) < std::int64_t{rounds})
    return;
  section.section("schedule", Need::kRequired)
      .fault("warmup", "is not below rounds.count (" + std::to_string(rounds) +
                           "): no round would be left for the full learning rate");
}

}  // namespace tributary
