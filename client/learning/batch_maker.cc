// SPDX-License-Identifier: Apache-2.0
#include "client/learning/batch_maker.h"

#include <algorithm>

#include "client/learning/layers.h"

namespace tributary {

BatchMaker::BatchMaker(const JobSpec& job, const ExampleSet& data, std::int64_t rows)
    : data_(data),
      kind_(job.data.target),
      row_floats_(static_cast<std::size_t>(features_of(data.input_shape))),
      row_places_(static_cast<std::size_t>(features_of(data.target_shape))),
      inputs_(torch::empty(batch_shape(rows, data.input_shape))) {
  if (kind_ == TargetKind::kUnlabelled) return;
  const bool classes = kind_ == TargetKind::kClasses || labels_places(kind_);
  targets_ =
      torch::empty(batch_shape(rows, data.target_shape), classes ? torch::kInt64 : torch::kFloat32);
}

// Rows are copied one by one: no copy of the whole data, no allocation.
Batch BatchMaker::make(std::span<const std::uint32_t> rows) {
  float* to = inputs_.data_ptr<float>();
  for (const std::uint32_t row : rows)
    to = std::copy_n(data_.inputs.data() + row * row_floats_, row_floats_, to);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t from = rows[i] * row_places_, at = i * row_places_;
    switch (kind_) {
      case TargetKind::kBinary:
        targets_.data_ptr<float>()[i] = data_.labels[rows[i]] == 0 ? 0.0F : 1.0F;
        break;
      case TargetKind::kClasses:
      case TargetKind::kSegmentation:
      case TargetKind::kTokens:
        std::copy_n(data_.labels.data() + from, row_places_,
                    targets_.data_ptr<std::int64_t>() + at);
        break;
      case TargetKind::kRegression:
        std::copy_n(data_.targets.data() + from, row_places_, targets_.data_ptr<float>() + at);
        break;
      case TargetKind::kUnlabelled:
        break;
    }
  }
  const auto count = static_cast<std::int64_t>(rows.size());
  if (count == rows_max()) return {inputs_, targets_};
  return {inputs_.narrow(0, 0, count),
          targets_.defined() ? targets_.narrow(0, 0, count) : torch::Tensor{}};
}

}  // namespace tributary
