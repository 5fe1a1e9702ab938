// SPDX-License-Identifier: Apache-2.0
#include "client/learning/writer.h"

#include <algorithm>

#include "client/learning/layers.h"
#include "client/learning/ngrams.h"

namespace tributary {
namespace {

constexpr std::int64_t kPadding = 0, kStart = 1;
// Rows that are written side by side.
constexpr std::int64_t kRowsTogether = 64;

// [rows, places]: what the model writes behind each source of `inputs` [rows, source + places].
Result<torch::Tensor> written_behind(TorchModel& model, torch::Tensor inputs, std::int64_t places,
                                     const std::function<bool()>& should_stop) {
  const std::int64_t source = inputs.size(1) - places;
  inputs.slice(1, source).fill_(static_cast<double>(kPadding));
  inputs.select(1, source).fill_(static_cast<double>(kStart));
  const torch::Tensor written = torch::zeros({inputs.size(0), places}, torch::kInt64);
  for (std::int64_t place = 0; place < places; ++place) {
    if (should_stop && should_stop())
      return make_error(ErrorCode::kCancelled, "the evaluation was stopped");
    const torch::Tensor outputs = model.forward(inputs);
    if (outputs.dim() != 3 || outputs.size(2) != places) {
      return make_error(ErrorCode::kFailedPrecondition,
                        "the model gives no outputs of the shape [rows, vocabulary, places]");
    }
    const torch::Tensor token = outputs.select(2, place).argmax(1);
    written.select(1, place).copy_(token);
    if (place + 1 < places) inputs.select(1, source + place + 1).copy_(token);
  }
  return written;
}

}  // namespace

Status write_texts(const JobSpec& job, TorchModel& model, const ExampleSet& data,
                   const std::function<bool()>& should_stop, EvaluationCounts& counts) {
  const std::int64_t places = features_of(job.data.target_shape);
  const std::int64_t length = features_of(data.input_shape);
  if (length <= places || data.input_shape.size() != 1) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "evaluate.written_rows needs rows with a source and its translation");
  }
  counts.ngrams.assign(kNgramCounts, 0);
  const auto total =
      std::min<std::int64_t>(job.evaluation.written_rows, static_cast<std::int64_t>(data.rows));
  for (std::int64_t first = 0; first < total; first += kRowsTogether) {
    const std::int64_t rows = std::min(kRowsTogether, total - first);
    // Torch has no tensor over constant memory; this one is copied at once.
    float* start = const_cast<float*>(data.inputs.data() + first * length);
    const torch::Tensor inputs = torch::from_blob(start, {rows, length}).clone();
    TRIB_TRY(written, written_behind(model, inputs, places, should_stop));
    const std::span<const std::int64_t> ids{written.data_ptr<std::int64_t>(),
                                            static_cast<std::size_t>(written.numel())};
    const auto wide = static_cast<std::size_t>(places);
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
      const auto labels =
          std::span(data.labels).subspan((static_cast<std::size_t>(first) + row) * wide, wide);
      count_ngrams(words_of(ids.subspan(row * wide, wide)), words_of(labels), counts.ngrams);
    }
  }
  return {};
}

}  // namespace tributary
