// SPDX-License-Identifier: Apache-2.0
#include "client/learning/row_gradients.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>

#include "client/learning/training_loss.h"
#include "common/base/assert.h"

namespace tributary {
namespace {

// What the gradients of a chunk may take where they have to be there as such: 32 MB.
constexpr std::int64_t kChunkValues = 1 << 22;
constexpr std::int64_t kChunkRowsMax = 64;

// What one layer adds, for each row.
struct LayerGradients {
  torch::Tensor inputs;   // dense: [rows, in]
  torch::Tensor outputs;  // dense: gradients of what it gave, [rows, out]
  torch::Tensor weights;  // convolution: [rows, out * in * kernel * kernel]
  torch::Tensor biases;   // convolution: [rows, out]
  torch::Tensor squares;  // of the gradient's norm: [rows]
};

LayerGradients dense(const LayerUse& use, const torch::Tensor& outputs) {
  TRIB_ASSERT(use.inputs.dim() == 2, "a dense layer sees each row once");
  LayerGradients made;
  made.inputs = use.inputs;
  made.outputs = outputs;
  // |x y'|^2 = |x|^2 |y|^2 for the weights, |y|^2 for the bias.
  made.squares = outputs.square().sum(1) * (use.inputs.square().sum(1) + 1.0);
  return made;
}

LayerGradients convolution(const LayerUse& use, const torch::Tensor& outputs) {
  const std::int64_t rows = outputs.size(0), channels = outputs.size(1);
  const std::int64_t patch = use.inputs.size(1) * use.kernel * use.kernel;
  LayerGradients made;
  made.weights = torch::empty({rows, channels * patch}, torch::kDouble);
  for (std::int64_t row = 0; row < rows; ++row) {
    const torch::Tensor patches =
        at::im2col(use.inputs.narrow(0, row, 1), {use.kernel, use.kernel}, {1, 1}, {0, 0}, {1, 1})
            .squeeze(0);  // [patch, places]
    const torch::Tensor gradient = at::mm(outputs[row].reshape({channels, -1}), patches.t());
    made.weights[row].copy_(gradient.reshape({-1}));
  }
  made.biases = outputs.flatten(2).sum(2);
  made.squares = made.weights.square().sum(1) + made.biases.square().sum(1);
  return made;
}

// Without rows of which something is not finite: nothing times that would be no number.
torch::Tensor only(const torch::Tensor& from, const torch::Tensor& rows) {
  return from.index_select(0, rows);
}

}  // namespace

RowGradients::RowGradients(TorchModel& model, TargetKind kind, double clip, RandomSource& random)
    : model_(model), kind_(kind), clip_(clip), random_(random), sums_(model.parameters) {
  std::int64_t values = 1;
  for (std::size_t i = 0; i < model.parameters; ++i) {
    if (model.tensors[i].tensor.dim() == 4) values += model.tensors[i].tensor.numel();
  }
  chunk_rows_ = std::clamp<std::int64_t>(kChunkValues / values, 1, kChunkRowsMax);
  clear();
}

void RowGradients::clear() {
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const torch::Tensor& tensor = model_.tensors[i].tensor;
    if (tensor.requires_grad()) sums_[i] = torch::zeros(tensor.sizes(), torch::kDouble);
  }
}

Status RowGradients::add(const torch::Tensor& inputs, const torch::Tensor& targets) {
  std::vector<LayerUse> uses;
  const torch::Tensor outputs = model_.forward_traced(inputs, uses);
  if (outputs.defined()) {
    const torch::Tensor fitting =
        targets.is_floating_point() ? targets.to(torch::kDouble) : targets;
    return add_rows_of(uses, training_loss(kind_, outputs, fitting, at::Reduction::Sum));
  }
  for (std::int64_t row = 0; row < inputs.size(0); ++row)
    TRIB_CHECK_OK(add_alone(inputs.narrow(0, row, 1), targets.narrow(0, row, 1)));
  return {};
}

// The loss is a sum over rows, and no row's outputs depend on another row: so what it depends on a
// layer's output of a row is that row's.
Status RowGradients::add_rows_of(const std::vector<LayerUse>& uses, const torch::Tensor& loss) {
  torch::autograd::variable_list outputs;
  for (const LayerUse& use : uses) outputs.push_back(use.outputs);
  const auto gradients = torch::autograd::grad({loss}, outputs);
  const torch::NoGradGuard plain;
  std::vector<LayerGradients> layers;
  torch::Tensor squares = torch::zeros({outputs[0].size(0)}, torch::kDouble);
  for (std::size_t i = 0; i < uses.size(); ++i) {
    layers.push_back(uses[i].kernel > 0 ? convolution(uses[i], gradients[i])
                                        : dense(uses[i], gradients[i]));
    squares += layers.back().squares;
  }
  const torch::Tensor rows = at::isfinite(squares).nonzero().squeeze(1);
  if (rows.numel() == 0) return {};
  const torch::Tensor scale = (clip_ / only(squares, rows).sqrt()).clamp_max(1.0);
  for (std::size_t i = 0; i < uses.size(); ++i) {
    torch::Tensor& weight = sums_[uses[i].at];
    torch::Tensor& bias = sums_[uses[i].at + 1];
    if (uses[i].kernel > 0) {
      weight += at::mv(only(layers[i].weights, rows).t(), scale).view_as(weight);
      bias += at::mv(only(layers[i].biases, rows).t(), scale);
    } else {
      const torch::Tensor scaled = only(layers[i].outputs, rows) * scale.unsqueeze(1);
      weight += at::mm(scaled.t(), only(layers[i].inputs, rows));
      bias += scaled.sum(0);
    }
  }
  return {};
}

Status RowGradients::add_alone(const torch::Tensor& input, const torch::Tensor& target) {
  torch::autograd::variable_list weights;
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    if (!sums_[i].defined()) continue;
    weights.push_back(model_.tensors[i].tensor);
    at.push_back(i);
  }
  torch::autograd::variable_list gradients;
  try {
    const torch::Tensor outputs = model_.forward_alone(input, random_.next_u64());
    const torch::Tensor loss = training_loss(kind_, outputs, target, at::Reduction::Sum);
    if (loss.requires_grad())
      gradients = torch::autograd::grad({loss}, weights, {}, false, false, /*allow_unused=*/true);
  } catch (const std::exception&) {  // of this row: nobody is to learn that there is one like it
    return {};
  }
  const torch::NoGradGuard plain;
  double squares = 0;
  for (torch::Tensor& gradient : gradients) {
    if (!gradient.defined()) continue;
    gradient = gradient.to(torch::kDouble);
    squares += gradient.square().sum().item<double>();
  }
  if (!std::isfinite(squares) || squares == 0) return {};
  const double scale = std::min(1.0, clip_ / std::sqrt(squares));
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].defined()) sums_[at[i]].add_(gradients[i], scale);
  }
  return {};
}

}  // namespace tributary
