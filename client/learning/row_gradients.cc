// SPDX-License-Identifier: Apache-2.0
#include "client/learning/row_gradients.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "client/learning/training_loss.h"
#include "common/base/assert.h"

namespace tributary {
namespace {

// What the gradients of a chunk may take where they have to be there as such: 32 MB.
constexpr std::int64_t kChunkValues = 1 << 22;
constexpr std::int64_t kChunkRowsMax = 64;

// That a chunk may have where a row has so many values.
std::int64_t rows_with(std::int64_t values) {
  return std::clamp<std::int64_t>(kChunkValues / values, 1, kChunkRowsMax);
}

// Those rows of a chunk that count, and by how much each. Others are left out, not multiplied by
// zero: nothing times what is no number would be no number.
struct Clipped {
  torch::Tensor rows;   // [kept], int64
  torch::Tensor scale;  // [kept]
  torch::Tensor of(const torch::Tensor& each) const { return each.index_select(0, rows); }
};

// What one layer adds.
struct LayerGradients {
  torch::Tensor squares;                    // of the gradient's norm, for each row: [rows]
  std::function<void(const Clipped&)> add;  // to the sums
  std::int64_t values = 0;                  // that are held for a row until then
};

// [rows, patch, places]
torch::Tensor patches_of(const torch::Tensor& inputs, const ConvolutionUse& conv) {
  return at::im2col(inputs, {conv.kernel, conv.kernel}, {1, 1}, {0, 0}, {conv.stride, conv.stride});
}

// A hook for each kind of use; a kind without one does not compile.
struct Hook {
  const LayerUse& use;
  const torch::Tensor& outputs;  // gradients of what the layer gave, for each row
  std::vector<torch::Tensor>& sums;

  LayerGradients operator()(const DenseUse& dense) const;
  LayerGradients operator()(const ConvolutionUse& convolution) const;
  LayerGradients operator()(const NormUse& norm) const;
  LayerGradients operator()(const EmbeddingUse& embedding) const;
  LayerGradients operator()(const AddedUse&) const;

 private:
  LayerGradients over_places(const DenseUse& dense) const;
  LayerGradients made(const ConvolutionUse& conv) const;
  LayerGradients ghost(const torch::Tensor& gradients, const torch::Tensor& patches) const;
  // Biases: undefined where the layer has none.
  LayerGradients as_they_are(torch::Tensor weights, torch::Tensor biases) const;
  bool has_bias() const { return use.count > 1; }
};

// |x y'|^2 = |x|^2 |y|^2 for the weights, |y|^2 for the bias: the gradients are never made.
LayerGradients Hook::operator()(const DenseUse& dense) const {
  if (dense.inputs.dim() > 2) return over_places(dense);
  torch::Tensor& weight = sums[use.at];
  torch::Tensor& bias = sums[use.at + 1];
  return {outputs.square().sum(1) * (dense.inputs.square().sum(1) + 1.0),
          [&weight, &bias, inputs = dense.inputs, outputs = outputs](const Clipped& clipped) {
            const torch::Tensor scaled = clipped.of(outputs) * clipped.scale.unsqueeze(1);
            weight += at::mm(scaled.t(), clipped.of(inputs));
            bias += scaled.sum(0);
          }};
}

// A dense layer that sees each row at several places is a convolution whose patches are they.
LayerGradients Hook::over_places(const DenseUse& dense) const {
  const std::int64_t inputs = dense.inputs.size(-1), features = outputs.size(-1);
  const torch::Tensor gradients = outputs.reshape({outputs.size(0), -1, features}).transpose(1, 2);
  const torch::Tensor patches = dense.inputs.reshape({outputs.size(0), -1, inputs}).transpose(1, 2);
  const std::int64_t places = gradients.size(2);
  if (2 * places * places <= inputs * features) return ghost(gradients, patches);
  return as_they_are(at::bmm(gradients, patches.transpose(1, 2)).flatten(1), gradients.sum(2));
}

// Gradients that are there for each row: [rows, values].
LayerGradients Hook::as_they_are(torch::Tensor weights, torch::Tensor biases) const {
  torch::Tensor squares = weights.square().sum(1);
  if (biases.defined()) squares += biases.square().sum(1);
  torch::Tensor& weight = sums[use.at];
  torch::Tensor* const bias = biases.defined() ? &sums[use.at + 1] : nullptr;
  const std::int64_t held = weights.size(1);
  return {std::move(squares),
          [&weight, bias, weights = std::move(weights),
           biases = std::move(biases)](const Clipped& clipped) {
            weight += at::mv(clipped.of(weights).t(), clipped.scale).view_as(weight);
            if (bias != nullptr) *bias += at::mv(clipped.of(biases).t(), clipped.scale);
          },
          held};
}

// Products that cancel leave an error beside which the norm may be nothing: each of the sums has a
// few units in the last place of what it is a sum of, so that much is added. A norm that is told
// too large only shortens a row more.
constexpr double kRoundingOfProducts = 0x1p-51;

// A row's gradient G P' is made where it is smaller than what its norm is known by without it: of
// outputs G [channels, places] and patches P [patch, places], |G P'|^2 = <G'G, P'P> (mixed ghost
// clipping, Bu et al. 2022, arXiv 2205.10683).
LayerGradients Hook::operator()(const ConvolutionUse& conv) const {
  const std::int64_t places = outputs.size(2) * outputs.size(3);
  const std::int64_t patch = conv.inputs.size(1) * conv.kernel * conv.kernel;
  if (2 * places * places > patch * outputs.size(1)) return made(conv);
  return ghost(outputs.flatten(2), patches_of(conv.inputs, conv));
}

LayerGradients Hook::made(const ConvolutionUse& conv) const {
  const std::int64_t rows = outputs.size(0), channels = outputs.size(1);
  const std::int64_t patch = conv.inputs.size(1) * conv.kernel * conv.kernel;
  torch::Tensor weights = torch::empty({rows, channels * patch}, torch::kDouble);
  for (std::int64_t row = 0; row < rows; ++row) {
    const torch::Tensor patches = patches_of(conv.inputs.narrow(0, row, 1), conv)[0];
    const torch::Tensor gradient = at::mm(outputs[row].reshape({channels, -1}), patches.t());
    weights[row].copy_(gradient.reshape({-1}));
  }
  return as_they_are(std::move(weights), has_bias() ? outputs.flatten(2).sum(2) : torch::Tensor{});
}

// Of gradients [rows, channels, places] and patches [rows, patch, places].
LayerGradients Hook::ghost(const torch::Tensor& gradients, const torch::Tensor& patches) const {
  const torch::Tensor biases = has_bias() ? gradients.sum(2) : torch::Tensor{};
  const auto terms = static_cast<double>(gradients.size(1) + patches.size(1) +
                                         gradients.size(2) * gradients.size(2));
  torch::Tensor squares =
      (at::bmm(gradients.transpose(1, 2), gradients) * at::bmm(patches.transpose(1, 2), patches))
          .sum({1, 2});
  squares +=
      gradients.square().sum({1, 2}) * patches.square().sum({1, 2}) * (terms * kRoundingOfProducts);
  if (has_bias()) squares += biases.square().sum(1);
  torch::Tensor& weight = sums[use.at];
  torch::Tensor* const bias = has_bias() ? &sums[use.at + 1] : nullptr;
  const std::int64_t held = patches[0].numel() + gradients[0].numel();
  return {squares,
          [&weight, bias, patches, gradients, biases](const Clipped& clipped) {
            const torch::Tensor scaled = clipped.of(gradients) * clipped.scale.view({-1, 1, 1});
            const auto side_by_side = [](const torch::Tensor& each) {
              return each.transpose(0, 1).reshape({each.size(1), -1});
            };
            weight +=
                at::mm(side_by_side(scaled), side_by_side(clipped.of(patches)).t()).view_as(weight);
            if (bias != nullptr) *bias += at::mv(clipped.of(biases).t(), clipped.scale);
          },
          held};
}

// outputs = normal * weight + bias, so that the weight's gradient is gradient * normal, summed over
// the places that share it.
LayerGradients Hook::operator()(const NormUse& norm) const {
  const auto over_places = [&](const torch::Tensor& each) {
    const torch::Tensor channels_last = each.movedim(norm.channels, -1);
    return channels_last.reshape({each.size(0), -1, channels_last.size(-1)}).sum(1);
  };
  return as_they_are(over_places(outputs * norm.normal), over_places(outputs));
}

// An id's vector gets what its places in the row get, together: their sum first, then its norm. Of
// the whole table nothing is made for a row but the vectors of its own ids.
LayerGradients Hook::operator()(const EmbeddingUse& embedding) const {
  const std::int64_t rows = outputs.size(0), width = outputs.size(-1);
  torch::Tensor& weight = sums[use.at];
  const std::int64_t ids = weight.size(0), held = outputs[0].numel();
  const torch::Tensor places =
      (embedding.ids.reshape({rows, -1}) + torch::arange(rows).unsqueeze(1) * ids).reshape({-1});
  const auto [each, which] = at::_unique(places, /*sorted=*/true, /*return_inverse=*/true);
  torch::Tensor vectors = torch::zeros({each.size(0), width}, torch::kDouble);
  vectors.index_add_(0, which, outputs.reshape({-1, width}));
  const torch::Tensor row_of = each.div(ids, "floor"), id_of = each.remainder(ids);
  torch::Tensor squares = torch::zeros({rows}, torch::kDouble);
  squares.index_add_(0, row_of, vectors.square().sum(1));
  return {squares,
          [&weight, rows, vectors, row_of, id_of](const Clipped& clipped) {
            torch::Tensor scale_of = torch::zeros({rows}, torch::kDouble);
            scale_of.index_copy_(0, clipped.rows, clipped.scale);
            const torch::Tensor scales = scale_of.index_select(0, row_of);
            const torch::Tensor kept = (scales > 0).nonzero().squeeze(1);
            weight.index_add_(
                0, id_of.index_select(0, kept),
                vectors.index_select(0, kept) * scales.index_select(0, kept).unsqueeze(1));
          },
          held};
}

// What is added is as large in each row as the weights.
LayerGradients Hook::operator()(const AddedUse&) const {
  return as_they_are(outputs.flatten(1), {});
}

// The loss of rows, as a sum, with what the model adds to it: that is a mean over rows beside one
// over all outputs.
torch::Tensor summed_loss(TargetKind kind, const torch::Tensor& outputs,
                          const torch::Tensor& targets, const torch::Tensor& extra,
                          const torch::Tensor& class_weights) {
  const torch::Tensor loss =
      training_loss(kind, outputs, targets, at::Reduction::Sum, class_weights);
  return extra.defined() ? loss + extra * static_cast<double>(outputs.numel()) : loss;
}

}  // namespace

RowGradients::RowGradients(TorchModel& model, TargetKind kind, double clip, RandomSource& random,
                           torch::Tensor class_weights)
    : model_(model),
      kind_(kind),
      clip_(clip),
      random_(random),
      class_weights_(std::move(class_weights)),
      sums_(model.parameters) {
  std::int64_t values = 1;
  for (std::size_t i = 0; i < model.parameters; ++i) {
    if (model.tensors[i].tensor.dim() == 4) values += model.tensors[i].tensor.numel();
  }
  chunk_rows_ = rows_with(values);
  clear();
}

void RowGradients::clear() {
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const torch::Tensor& tensor = model_.tensors[i].tensor;
    if (tensor.requires_grad()) sums_[i] = torch::zeros(tensor.sizes(), torch::kDouble);
  }
}

Status RowGradients::add(const torch::Tensor& inputs, const torch::Tensor& labels) {
  if (model_.made_of_means) {
    add_means(inputs);
    return {};
  }
  const torch::Tensor& targets = labels.defined() ? labels : inputs;
  std::vector<LayerUse> uses;
  const torch::Tensor outputs = model_.forward_traced(inputs, uses);
  if (outputs.defined()) {
    const torch::Tensor fitting =
        targets.is_floating_point() ? targets.to(torch::kDouble) : targets;
    return add_rows_of(uses,
                       summed_loss(kind_, outputs, fitting, model_.extra_loss(), class_weights_));
  }
  for (std::int64_t row = 0; row < inputs.size(0); ++row)
    TRIB_CHECK_OK(add_alone(inputs.narrow(0, row, 1), targets.narrow(0, row, 1)));
  return {};
}

// A weight that no layer tells of would be trained without its gradient, or counted in no norm; of
// one that two tell of the norm would not be what is added.
Status RowGradients::check_uses(const std::vector<LayerUse>& uses) const {
  std::vector<int> told(sums_.size(), 0);
  for (const LayerUse& use : uses) {
    for (std::size_t i = 0; i < use.count; ++i) ++told[use.at + i];
  }
  for (std::size_t i = 0; i < told.size(); ++i) {
    if (told[i] == 1) continue;
    return make_error(ErrorCode::kInternal, "the gradients of single rows are not known for " +
                                                model_.tensors[i].name + ": its layer has no hook");
  }
  return {};
}

// The loss is a sum over rows, and no row's outputs depend on another row: so what it depends on a
// layer's output of a row is that row's.
Status RowGradients::add_rows_of(const std::vector<LayerUse>& uses, const torch::Tensor& loss) {
  TRIB_CHECK_OK(check_uses(uses));
  torch::autograd::variable_list outputs;
  for (const LayerUse& use : uses) outputs.push_back(use.outputs);
  const auto gradients = torch::autograd::grad({loss}, outputs);
  const torch::NoGradGuard plain;
  std::vector<LayerGradients> layers;
  torch::Tensor squares = torch::zeros({outputs[0].size(0)}, torch::kDouble);
  for (std::size_t i = 0; i < uses.size(); ++i) {
    layers.push_back(std::visit(Hook{uses[i], gradients[i], sums_}, uses[i].kind));
    squares += layers.back().squares;
  }
  Clipped clipped;
  clipped.rows = at::isfinite(squares).nonzero().squeeze(1);
  if (clipped.rows.numel() == 0) return {};
  clipped.scale = (clip_ / clipped.of(squares).sqrt()).clamp_max(1.0);
  std::int64_t values = 1;
  for (const LayerGradients& layer : layers) {
    layer.add(clipped);
    values += layer.values;
  }
  chunk_rows_ = rows_with(values);
  return {};
}

// Half the square of the distance between weights and a row's own values has their difference as
// its gradient.
void RowGradients::add_means(const torch::Tensor& inputs) {
  for (std::int64_t row = 0; row < inputs.size(0); ++row) {
    const torch::Tensor own = model_.sums_over(inputs.narrow(0, row, 1));
    std::vector<torch::Tensor> gradients;
    double squares = 0.0;
    std::int64_t at = 0;
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      const torch::Tensor weight = model_.tensors[i].tensor.detach().to(torch::kDouble);
      gradients.push_back(weight - own.narrow(0, at, weight.numel()).view_as(weight));
      squares += gradients.back().square().sum().item<double>();
      at += weight.numel();
    }
    if (!std::isfinite(squares) || squares == 0) continue;
    const double scale = std::min(1.0, clip_ / std::sqrt(squares));
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      if (sums_[i].defined()) sums_[i].add_(gradients[i], scale);
    }
  }
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
    const torch::Tensor loss =
        summed_loss(kind_, outputs, target, model_.extra_loss(), class_weights_);
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
