// SPDX-License-Identifier: Apache-2.0
#include "client/learning/batch_maker.h"

#include <algorithm>

#include "client/learning/layers.h"

namespace tributary {

BatchMaker::BatchMaker(const JobSpec& job, const ExampleSet& data, std::int64_t rows,
                       RowTreatment treatment)
    : data_(data),
      kind_(job.data.target),
      row_floats_(static_cast<std::size_t>(features_of(data.input_shape))),
      row_places_(static_cast<std::size_t>(features_of(data.target_shape))),
      treatment_(std::move(treatment)),
      inputs_(torch::empty(batch_shape(rows, data.input_shape))) {
  if (treatment_.two_views) second_ = torch::empty_like(inputs_);
  if (kind_ == TargetKind::kUnlabelled) return;
  const bool classes = kind_ == TargetKind::kClasses || labels_places(kind_);
  targets_ =
      torch::empty(batch_shape(rows, data.target_shape), classes ? torch::kInt64 : torch::kFloat32);
}

// Rows are copied one by one: no copy of the whole data, no allocation.
void BatchMaker::copy_inputs(std::span<const std::uint32_t> rows, torch::Tensor& inputs) const {
  float* to = inputs.data_ptr<float>();
  for (const std::uint32_t row : rows)
    to = std::copy_n(data_.inputs.data() + row * row_floats_, row_floats_, to);
}

void BatchMaker::copy_targets(std::span<const std::uint32_t> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t from = rows[i] * row_places_, at = i * row_places_;
    switch (kind_) {
      case TargetKind::kBinary:  // 0, 1, or -1 of a row without a label
        targets_.data_ptr<float>()[i] =
            static_cast<float>(std::clamp<std::int64_t>(data_.labels[rows[i]], -1, 1));
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
}

void BatchMaker::change_rows(torch::Tensor& inputs, std::size_t rows, std::uint64_t place,
                             std::uint64_t view) {
  const std::span<float> all = values_of(inputs);
  const bool masks = kind_ == TargetKind::kSegmentation;
  for (std::size_t i = 0; i < rows; ++i) {
    AugmentedRow row{data_.input_shape, all.subspan(i * row_floats_, row_floats_)};
    if (masks) row.mask = {targets_.data_ptr<std::int64_t>() + i * row_places_, row_places_};
    treatment_.augmenter.change(row, place + i, view);
  }
}

// Zhang et al. 2018.
void BatchMaker::mix_rows(Batch& batch, const Augmenter::Mix& mix) {
  const torch::Tensor partners = torch::tensor(mix.partners, torch::kInt64);
  batch.kept = mix.kept;
  batch.partners = batch.targets.index_select(0, partners);
  batch.inputs = batch.inputs * mix.kept + batch.inputs.index_select(0, partners) * (1 - mix.kept);
}

Batch BatchMaker::make(std::span<const std::uint32_t> rows, std::uint64_t place) {
  copy_inputs(rows, inputs_);
  copy_targets(rows);
  if (second_.defined()) {
    copy_inputs(rows, second_);
    change_rows(second_, rows.size(), place, 1);
  }
  if (treatment_.augmenter.changes_rows()) change_rows(inputs_, rows.size(), place, 0);
  const auto count = static_cast<std::int64_t>(rows.size());
  const auto filled = [count](const torch::Tensor& all) {
    return !all.defined() || all.size(0) == count ? all : all.narrow(0, 0, count);
  };
  Batch batch{filled(inputs_), filled(targets_), filled(second_)};
  batch.place = place;
  if (const auto mix = treatment_.augmenter.mix(rows.size(), place)) mix_rows(batch, *mix);
  return batch;
}

torch::Tensor with_extra(const torch::Tensor& loss, TorchModel& model) {
  const torch::Tensor extra = model.extra_loss();
  return extra.defined() ? loss + extra : loss;
}

void move(Batch& batch, torch::Device device) {
  for (torch::Tensor* tensor : {&batch.inputs, &batch.targets, &batch.second, &batch.partners}) {
    if (tensor->defined()) *tensor = tensor->to(device);
  }
}

}  // namespace tributary
