// SPDX-License-Identifier: Apache-2.0
#include "client/learning/evaluator.h"

#include <algorithm>
#include <numeric>

#include "client/learning/batch_maker.h"
#include "client/learning/examples.h"
#include "client/learning/layers.h"
#include "client/learning/learner.h"
#include "client/learning/scores.h"
#include "client/learning/torch_model.h"
#include "client/learning/writer.h"
#include "common/base/limits.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

Status add_rows(ScoreSheet& sheet, TorchModel& model, const JobSpec& job, const ExampleSet& data,
                std::int64_t first, std::int64_t count) {
  const std::size_t at = static_cast<std::size_t>(first);
  const std::size_t rows = static_cast<std::size_t>(count);
  const std::size_t row_floats = static_cast<std::size_t>(features_of(data.input_shape));
  // Torch has no tensor over constant memory; forward() does not write to its input.
  float* start = const_cast<float*>(data.inputs.data() + at * row_floats);
  const torch::Tensor inputs = torch::from_blob(start, batch_shape(count, data.input_shape));
  torch::Tensor outputs = model.forward(inputs).to(torch::kCPU);
  const TargetKind kind = job.data.target;
  // Of a row: labels, or targets.
  const std::int64_t places = kind == TargetKind::kRegression || kind == TargetKind::kUnlabelled
                                  ? model_outputs(job.data, data.input_shape)
                                  : features_of(data.target_shape);
  const std::int64_t wanted = labels_places(kind)
                                  ? places * model_outputs(job.data, data.input_shape)
                                  : model_outputs(job.data, data.input_shape);
  if (outputs.numel() != count * wanted) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "the model gives another number of outputs than rows and classes");
  }
  const std::size_t from = at * static_cast<std::size_t>(places);
  const std::size_t values = rows * static_cast<std::size_t>(places);
  if (labels_places(kind)) outputs = outputs.flatten(2).transpose(1, 2);
  outputs = outputs.contiguous();
  if (kind == TargetKind::kRegression)
    return sheet.add_measured(values_of(outputs), std::span(data.targets).subspan(from, values));
  if (kind == TargetKind::kUnlabelled)
    return sheet.add_measured(values_of(outputs), std::span(data.inputs).subspan(from, values));
  return sheet.add_classified(values_of(outputs), std::span(data.labels).subspan(from, values));
}

// By the objective's own loss, in batches of the job, in the rows' order. What it draws follows
// from the job's seed, so that every round is judged alike.
Status judge_rows(ScoreSheet& sheet, TorchModel& model, const JobSpec& job, const ExampleSet& data,
                  const TrainingObjective& plugin, const std::function<bool()>& should_stop) {
  TRIB_TRY(augmenter, Augmenter::make(plugin.two_views ? std::span(job.train.augment)
                                                       : std::span<const PluginChoice>(),
                                      derive_seed(job.seed, "judged views")));
  const auto objective = plugin.make({job, limits::kRoundsMax, derive_seed(job.seed, "judged")});
  std::vector<std::uint32_t> order(static_cast<std::size_t>(data.rows));
  std::iota(order.begin(), order.end(), 0U);
  const std::int64_t wanted = job.train.batch_size > 0 ? job.train.batch_size : data.rows;
  const auto batch = static_cast<std::size_t>(
      std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(data.rows, 1)));
  BatchMaker maker(job, data, static_cast<std::int64_t>(batch),
                   {std::move(augmenter), plugin.two_views});
  for (std::size_t at = 0; at < order.size(); at += batch) {
    if (should_stop && should_stop())
      return make_error(ErrorCode::kCancelled, "the evaluation was stopped");
    const auto rows = std::span(order).subspan(at, std::min(batch, order.size() - at));
    const torch::Tensor loss = objective->loss(model, maker.make(rows, at));
    TRIB_CHECK_OK(sheet.add_judged(loss.item<double>(), rows.size()));
  }
  return {};
}

}  // namespace

Result<EvaluationCounts> count_scores(TorchModel& model, const JobSpec& job, const ExampleSet& data,
                                      const std::function<bool()>& should_stop) {
  const torch::NoGradGuard no_gradients;
  model.set_training(false);
  ScoreSheet sheet(job.data, model_outputs(job.data, data.input_shape));
  TRIB_TRY(objective, find_objective(job.train.objective.name));
  if (objective->judges) {
    TRIB_CHECK_OK(judge_rows(sheet, model, job, data, *objective, should_stop));
    return sheet.counts();
  }
  const std::int64_t total = static_cast<std::int64_t>(data.rows);
  const std::int64_t features = std::max<std::int64_t>(features_of(data.input_shape), 1);
  const std::int64_t batch = std::clamp<std::int64_t>(limits::kEvaluationBatchFloats / features, 1,
                                                      limits::kEvaluationBatchRowsMax);
  for (std::int64_t first = 0; first < total; first += batch) {
    if (should_stop && should_stop())
      return make_error(ErrorCode::kCancelled, "the evaluation was stopped");
    TRIB_CHECK_OK(add_rows(sheet, model, job, data, first, std::min(batch, total - first)));
  }
  return sheet.counts();
}

Result<EvaluationCounts> evaluate(const JobSpec& job, const Model& global, const ExampleSet& data,
                                  int threads, ByteView module_file,
                                  const std::function<bool()>& should_stop, Device device) {
  return guarded("evaluating", [&]() -> Result<EvaluationCounts> {
    use_threads(threads);
    TRIB_CHECK_OK(check_examples(job, data));
    TRIB_TRY(model, build_model(job, data.input_shape, module_file, device));
    TRIB_CHECK_OK(load_values(*model, global));
    TRIB_TRY(counts, count_scores(*model, job, data, should_stop));
    if (job.evaluation.written_rows > 0 && job.data.target == TargetKind::kTokens)
      TRIB_CHECK_OK(write_texts(job, *model, data, should_stop, counts));
    return counts;
  });
}

}  // namespace tributary
