// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "client/learning/examples.h"
#include "client/learning/layers.h"
#include "client/learning/learner.h"
#include "client/learning/scores.h"
#include "client/learning/torch_model.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

// Rows without labels are held against themselves; of a table the job does not say how wide.
std::int64_t outputs_of(const JobSpec& job, const ExampleSet& data) {
  return job.data.target == TargetKind::kUnlabelled ? features_of(data.input_shape)
                                                    : model_outputs(job.data);
}

Status add_rows(ScoreSheet& sheet, TorchModel& model, const JobSpec& job, const ExampleSet& data,
                std::int64_t first, std::int64_t count) {
  const std::size_t at = static_cast<std::size_t>(first);
  const std::size_t rows = static_cast<std::size_t>(count);
  const std::size_t row_floats = static_cast<std::size_t>(features_of(data.input_shape));
  // Torch has no tensor over constant memory; forward() does not write to its input.
  float* start = const_cast<float*>(data.inputs.data() + at * row_floats);
  const torch::Tensor inputs = torch::from_blob(start, batch_shape(count, data.input_shape));
  torch::Tensor outputs = model.forward(inputs);
  const TargetKind kind = job.data.target;
  // Of a row: labels, or targets.
  const std::int64_t places = kind == TargetKind::kRegression || kind == TargetKind::kUnlabelled
                                  ? outputs_of(job, data)
                                  : features_of(data.target_shape);
  const std::int64_t wanted =
      labels_places(kind) ? places * outputs_of(job, data) : outputs_of(job, data);
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

}  // namespace

Result<EvaluationCounts> evaluate(const JobSpec& job, const Model& global, const ExampleSet& data,
                                  int threads, ByteView module_file,
                                  const std::function<bool()>& should_stop) {
  return guarded("evaluating", [&]() -> Result<EvaluationCounts> {
    use_threads(threads);
    TRIB_CHECK_OK(check_examples(job, data));
    TRIB_TRY(model, build_model(job, data.input_shape, module_file));
    TRIB_CHECK_OK(load_values(*model, global));
    const torch::NoGradGuard no_gradients;
    model->set_training(false);
    ScoreSheet sheet(job.data, outputs_of(job, data));
    const std::int64_t total = static_cast<std::int64_t>(data.rows);
    const std::int64_t features = std::max<std::int64_t>(features_of(data.input_shape), 1);
    const std::int64_t batch = std::clamp<std::int64_t>(limits::kEvaluationBatchFloats / features,
                                                        1, limits::kEvaluationBatchRowsMax);
    for (std::int64_t first = 0; first < total; first += batch) {
      if (should_stop && should_stop())
        return make_error(ErrorCode::kCancelled, "the evaluation was stopped");
      TRIB_CHECK_OK(add_rows(sheet, *model, job, data, first, std::min(batch, total - first)));
    }
    return sheet.counts();
  });
}

}  // namespace tributary
