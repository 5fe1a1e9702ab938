// SPDX-License-Identifier: Apache-2.0
#include "client/synthetic/usefulness.h"

#include <algorithm>
#include <span>

#include "common/base/text.h"

namespace tributary {
namespace {

// The label's inputs among all.
struct Label {
  std::size_t first = 0;
  std::size_t count = 0;
  TargetKind kind = TargetKind::kRegression;
};

Result<Label> label_of(const std::vector<InputColumn>& inputs, const std::string& name) {
  const auto first = std::ranges::find(inputs, name, &InputColumn::column);
  if (first == inputs.end())
    return make_error(ErrorCode::kInvalidArgument, "the model has no column " + quoted(name));
  Label label{static_cast<std::size_t>(first - inputs.begin()), 0, TargetKind::kRegression};
  for (auto at = first; at != inputs.end() && at->column == name; ++at) ++label.count;
  if (label.count == inputs.size()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "there is no column beside " + quoted(name) + " to tell it from");
  }
  if (first->word) label.kind = label.count == 2 ? TargetKind::kBinary : TargetKind::kClasses;
  if (first->word && label.count == 1)
    return make_error(ErrorCode::kInvalidArgument, quoted(name) + " has one word alone");
  return label;
}

ExampleSet labelled(const ExampleSet& rows, std::size_t width, const Label& label) {
  ExampleSet made{{static_cast<std::int64_t>(width - label.count)}, rows.rows, {}, {}, {}};
  for (std::size_t at = 0; at < rows.inputs.size(); at += width) {
    const auto row = std::span(rows.inputs).subspan(at, width);
    const auto own = row.subspan(label.first, label.count);
    if (label.kind == TargetKind::kRegression) {
      made.targets.push_back(own[0]);
    } else {
      made.labels.push_back(std::ranges::max_element(own) - own.begin());
    }
    for (std::size_t i = 0; i < width; ++i)
      if (i < label.first || i >= label.first + label.count) made.inputs.push_back(row[i]);
  }
  return made;
}

JobSpec small_job(const Label& label) {
  JobSpec job;
  job.model = {"logistic", {}};
  job.data.target = label.kind;
  job.data.classes =
      label.kind == TargetKind::kClasses ? static_cast<std::int64_t>(label.count) : 2;
  job.train.optimizer = {"adam",
                         {{"learning_rate", 0.05},
                          {"beta1", 0.9},
                          {"beta2", 0.999},
                          {"epsilon", 1e-8},
                          {"weight_decay", 0.001}}};
  job.train.batch_size = 64;
  job.train.steps = 300;
  return job;
}

double variance_of(std::span<const float> values) {
  double mean = 0.0, square = 0.0;
  const auto count = static_cast<double>(values.size());
  for (const float value : values) mean += static_cast<double>(value) / count;
  for (const float value : values) {
    const double away = static_cast<double>(value) - mean;
    square += away * away / count;
  }
  return square;
}

Result<double> figure_after(const Learner& learner, const JobSpec& job, const ExampleSet& training,
                            const ExampleSet& held_out) {
  TRIB_TRY(start, learner.initial_model(job, training.input_shape, {}, {}));
  TRIB_TRY(trained, learner.train(TrainRequest{job, 1, start, training, 1, 1, {}, {}, {}}));
  Model model = start;
  for (std::size_t i = 0; i < model.values.size(); ++i) model.values[i] += trained.update.values[i];
  TRIB_TRY(counts, learner.evaluate(job, model, held_out, 1, {}, {}));
  const EvaluationFigures figures = figures_of(counts);
  std::optional<double> figure = figures.accuracy;
  if (job.data.target == TargetKind::kBinary) figure = figures.auc;
  if (job.data.target == TargetKind::kRegression) {
    const double variance = variance_of(held_out.targets);
    figure = variance > 0.0 ? std::optional(1.0 - figures.loss / variance) : std::nullopt;
  }
  if (figure) return *figure;
  return make_error(ErrorCode::kFailedPrecondition,
                    "all rows that judge have the same label: nothing can be told apart");
}

}  // namespace

Result<Usefulness> usefulness_of(const Learner& learner, const std::vector<InputColumn>& inputs,
                                 const std::string& label, const ExampleSet& training,
                                 const ExampleSet& held_out, const ExampleSet& made) {
  TRIB_TRY(place, label_of(inputs, label));
  if (held_out.rows == 0)
    return make_error(ErrorCode::kFailedPrecondition, "there are no held-out rows to judge on");
  const JobSpec job = small_job(place);
  const ExampleSet judged = labelled(held_out, inputs.size(), place);
  Usefulness usefulness{.label = label,
                        .figure = place.kind == TargetKind::kBinary    ? "auc"
                                  : place.kind == TargetKind::kClasses ? "accuracy"
                                                                       : "explained variance",
                        .real_rows = static_cast<std::uint64_t>(training.rows),
                        .made_rows = static_cast<std::uint64_t>(made.rows),
                        .judged_rows = static_cast<std::uint64_t>(held_out.rows)};
  TRIB_TRY(on_real, figure_after(learner, job, labelled(training, inputs.size(), place), judged));
  TRIB_TRY(on_made, figure_after(learner, job, labelled(made, inputs.size(), place), judged));
  usefulness.on_real = on_real;
  usefulness.on_made = on_made;
  return usefulness;
}

}  // namespace tributary
