// SPDX-License-Identifier: Apache-2.0
#include "client/learning/model_probe.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "client/learning/examples.h"
#include "client/learning/layers.h"
#include "client/learning/torch_model.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

Error not_there(const char* what) { return make_error(ErrorCode::kFailedPrecondition, what); }

void append(std::vector<float>& to, const torch::Tensor& from) {
  const torch::Tensor flat = from.detach().contiguous();
  const auto values = values_of(flat);
  to.insert(to.end(), values.begin(), values.end());
}

class TorchProbe final : public ModelProbe {
 public:
  TorchProbe(TorchModelPtr model, std::vector<std::int64_t> input_shape, std::int64_t outputs,
             int threads)
      : model_(std::move(model)),
        input_shape_(std::move(input_shape)),
        row_floats_(std::max<std::int64_t>(features_of(input_shape_), 1)),
        outputs_(outputs),
        threads_(threads) {}

  std::int64_t outputs_of_row() const override { return outputs_; }

  Result<std::vector<float>> outputs(std::span<const float> inputs) override {
    std::vector<float> all;
    const torch::NoGradGuard no_gradients;
    const auto part = [&](const torch::Tensor& batch, std::int64_t) -> Status {
      TRIB_TRY(given, forward(batch));
      append(all, given);
      return {};
    };
    TRIB_CHECK_OK(each_batch(inputs, part));
    return all;
  }

  Result<std::vector<float>> gradients(std::span<const float> inputs,
                                       std::span<const std::int64_t> wanted) override {
    std::vector<float> all;
    const auto part = [&](const torch::Tensor& batch, std::int64_t first) -> Status {
      TRIB_TRY(sum, wanted_sum(batch, wanted, first));
      const auto found = torch::autograd::grad({sum}, {batch}, {}, false, false, true);
      if (!found[0].defined())
        return not_there("no gradient reaches the model's inputs, as where they are ids of tokens");
      append(all, found[0]);
      return {};
    };
    TRIB_CHECK_OK(each_batch(inputs, part));
    return all;
  }

  Result<FeatureMaps> feature_maps(std::span<const float> inputs,
                                   std::span<const std::int64_t> wanted) override {
    FeatureMaps all;
    const auto part = [&](const torch::Tensor& batch, std::int64_t first) -> Status {
      Watched watched;
      model_->watch(&watched);
      const auto sum = wanted_sum(batch, wanted, first);
      model_->watch(nullptr);
      if (!sum) return sum.error();
      return add_maps(all, *sum, watched);
    };
    const Status done = each_batch(inputs, part);
    model_->watch(nullptr);  // also where Torch threw
    if (!done) return done.error();
    return all;
  }

 private:
  // `part(batch, number of its first row)`: at most so many floats a batch, as an evaluation.
  template <typename Part>
  Status each_batch(std::span<const float> inputs, Part part) {
    return guarded("explaining", [&]() -> Status {
      use_threads(threads_);
      const std::int64_t rows = static_cast<std::int64_t>(inputs.size()) / row_floats_;
      const std::int64_t most = std::clamp<std::int64_t>(
          limits::kEvaluationBatchFloats / row_floats_, 1, limits::kEvaluationBatchRowsMax);
      for (std::int64_t first = 0; first < rows; first += most) {
        const std::int64_t count = std::min(most, rows - first);
        const auto from = inputs.subspan(static_cast<std::size_t>(first * row_floats_),
                                         static_cast<std::size_t>(count * row_floats_));
        torch::Tensor batch = torch::empty(batch_shape(count, input_shape_));
        std::ranges::copy(from, values_of(batch).begin());
        TRIB_CHECK_OK(part(batch.requires_grad_(), first));
      }
      return {};
    });
  }

  Result<torch::Tensor> forward(const torch::Tensor& batch) {
    const torch::Tensor given = model_->forward(batch);
    if (given.numel() == batch.size(0) * outputs_) return given.reshape({-1, outputs_});
    return make_error(ErrorCode::kInvalidArgument,
                      "the model gives outputs at several places of a row; what is explained is "
                      "one label of a row");
  }

  // Rows do not see each other, so the gradient of the sum is each row's own.
  Result<torch::Tensor> wanted_sum(const torch::Tensor& batch, std::span<const std::int64_t> wanted,
                                   std::int64_t first) {
    TRIB_TRY(given, forward(batch));
    torch::Tensor at = torch::empty({batch.size(0), 1}, torch::kInt64);
    std::copy_n(wanted.begin() + first, batch.size(0), at.data_ptr<std::int64_t>());
    return given.gather(1, at).sum();
  }

  static Status add_maps(FeatureMaps& all, const torch::Tensor& sum, const Watched& watched) {
    const auto last = std::find_if(watched.feature_maps.rbegin(), watched.feature_maps.rend(),
                                   [](const torch::Tensor& maps) { return maps.dim() == 4; });
    if (last == watched.feature_maps.rend())
      return not_there("the model has no convolution over pictures that it tells of");
    const auto found = torch::autograd::grad({sum}, {*last}, {}, false, false, true);
    if (!found[0].defined())
      return not_there("the model's outputs do not follow from its last convolution");
    all.channels = last->size(1);
    all.height = last->size(2);
    all.width = last->size(3);
    append(all.values, *last);
    append(all.gradients, found[0]);
    return {};
  }

  TorchModelPtr model_;
  std::vector<std::int64_t> input_shape_;
  std::int64_t row_floats_;
  std::int64_t outputs_;
  int threads_;
};

}  // namespace

Result<std::unique_ptr<ModelProbe>> probe_model(const JobSpec& job, const Model& model,
                                                const std::vector<std::int64_t>& input_shape,
                                                int threads, ByteView module_file) {
  using Made = Result<std::unique_ptr<ModelProbe>>;
  if (labels_places(job.data.target) || job.data.target == TargetKind::kUnlabelled) {
    return make_error(ErrorCode::kInvalidArgument,
                      "what is explained is one label of a row: tasks binary, classes and "
                      "regression");
  }
  return guarded("building the model", [&]() -> Made {
    use_threads(threads);
    TRIB_TRY(built, build_model(job, input_shape, module_file));
    TRIB_CHECK_OK(load_values(*built, model));
    built->set_training(false);
    return Made(std::make_unique<TorchProbe>(std::move(built), input_shape, model_outputs(job.data),
                                             threads));
  });
}

}  // namespace tributary
