// SPDX-License-Identifier: Apache-2.0
// What layers of rows and pictures compute, and layers that are made of others.
#include "client/learning/layer_stack.h"

namespace tributary {

torch::Tensor LayerStack::traced(Walk& walk, std::size_t at, torch::Tensor outputs,
                                 LayerUse::Kind kind, std::size_t count) {
  if (!outputs.requires_grad()) outputs.requires_grad_();
  walk.uses->push_back({at, outputs, std::move(kind), count});
  return outputs;
}

torch::Tensor LayerStack::drop(const torch::Tensor& x, double rate) {
  if (!training_ || rate <= 0.0) return x;
  const double keep = 1.0 - rate;
  return keep <= 0.0 ? x * 0.0
                     : x * at::empty(x.sizes(), x.options().device(torch::kCPU))
                               .bernoulli_(keep, generator_)
                               .div_(keep)
                               .to(x.device());
}

torch::Tensor LayerStack::linear(Walk& walk, const torch::Tensor& x, std::size_t at) const {
  if (walk.uses == nullptr) return at::linear(x, tensors[at].tensor, tensors[at + 1].tensor);
  return traced(walk, at, at::linear(x, fixed(at), fixed(at + 1)), DenseUse{x.detach()}, 2);
}

void LayerStack::pass(const FlattenLayer&, Walk& walk) { walk.x = walk.x.flatten(1); }

void LayerStack::pass(const ReshapeLayer& layer, Walk& walk) {
  walk.x = walk.x.reshape(batch_shape(-1, layer.shape));
}

void LayerStack::pass(const LinearLayer&, Walk& walk) { walk.x = linear(walk, walk.x, walk.at); }

void LayerStack::pass(const ActivationLayer& layer, Walk& walk) {
  switch (layer.function) {
    case Activation::kRelu:
      walk.x = at::relu(walk.x);
      return;
    case Activation::kTanh:
      walk.x = at::tanh(walk.x);
      return;
    case Activation::kSigmoid:
      walk.x = at::sigmoid(walk.x);
      return;
    case Activation::kGelu:
      walk.x = at::gelu(walk.x);
      return;
  }
}

void LayerStack::pass(const DropoutLayer& layer, Walk& walk) { walk.x = drop(walk.x, layer.rate); }

void LayerStack::pass(const LayerNormLayer& layer, Walk& walk) {
  if (walk.uses == nullptr) {
    walk.x = at::layer_norm(walk.x, {layer.features}, tensors[walk.at].tensor,
                            tensors[walk.at + 1].tensor, kNormEpsilon);
    return;
  }
  const torch::Tensor normal = at::layer_norm(walk.x, {layer.features}, {}, {}, kNormEpsilon);
  walk.x = traced(walk, walk.at, normal * fixed(walk.at) + fixed(walk.at + 1),
                  NormUse{normal.detach(), normal.dim() - 1}, 2);
}

void LayerStack::pass(const GroupNormLayer& layer, Walk& walk) {
  if (walk.uses == nullptr) {
    walk.x = at::group_norm(walk.x, layer.groups, tensors[walk.at].tensor,
                            tensors[walk.at + 1].tensor, kNormEpsilon);
    return;
  }
  const torch::Tensor normal = at::group_norm(walk.x, layer.groups, {}, {}, kNormEpsilon);
  std::vector<std::int64_t> over_places(static_cast<std::size_t>(normal.dim()), 1);
  over_places[1] = layer.channels;
  walk.x = traced(walk, walk.at,
                  normal * fixed(walk.at).view(over_places) + fixed(walk.at + 1).view(over_places),
                  NormUse{normal.detach(), 1}, 2);
}

torch::Tensor LayerStack::convolve(const ConvLayer& layer, const torch::Tensor& x,
                                   std::size_t at) const {
  const torch::Tensor& weight = tensors[at].tensor;
  const torch::Tensor bias = layer.plain ? torch::Tensor{} : tensors[at + 1].tensor;
  if (layer.same_padding && layer.kernel % 2 == 0) return at::conv2d(x, weight, bias, 1, "same");
  const std::int64_t padding = layer.same_padding ? (layer.kernel - 1) / 2 : layer.padding;
  return at::conv2d(x, weight, bias, layer.stride, padding);
}

void LayerStack::pass(const ConvLayer& layer, Walk& walk) {
  if (walk.uses == nullptr) {
    walk.x = convolve(layer, walk.x, walk.at);
    return;
  }
  std::int64_t before = layer.padding, behind = layer.padding;
  if (layer.same_padding) {
    before = (layer.kernel - 1) / 2;
    behind = layer.kernel - 1 - before;
  }
  const torch::Tensor inputs =
      before + behind > 0 ? at::constant_pad_nd(walk.x, {before, behind, before, behind}) : walk.x;
  const torch::Tensor bias = layer.plain ? torch::Tensor{} : fixed(walk.at + 1);
  walk.x = traced(walk, walk.at, at::conv2d(inputs, fixed(walk.at), bias, layer.stride),
                  ConvolutionUse{inputs.detach(), layer.kernel, layer.stride}, layer.plain ? 1 : 2);
}

// One value of a channel has no variance: a batch that brings no more is seen as in evaluation.
void LayerStack::pass(const BatchNormLayer& layer, Walk& walk) {
  const bool of_batch = training_ && walk.x.numel() > layer.channels;
  walk.x = at::batch_norm(walk.x, tensors[walk.at].tensor, tensors[walk.at + 1].tensor,
                          tensors[walk.buffer_at].tensor, tensors[walk.buffer_at + 1].tensor,
                          of_batch, kNormMomentum, kNormEpsilon, /*cudnn_enabled=*/false);
}

void LayerStack::pass(const MaxPoolLayer& layer, Walk& walk) {
  const std::int64_t stride = layer.stride > 0 ? layer.stride : layer.size;
  if (layer.size > 1) walk.x = at::max_pool2d(walk.x, layer.size, stride, layer.padding);
}

void LayerStack::pass(const GlobalAveragePoolLayer&, Walk& walk) { walk.x = walk.x.mean({2, 3}); }

void LayerStack::pass(const UpsampleLayer&, Walk& walk) {
  walk.x = at::upsample_nearest2d(walk.x, {2 * walk.x.size(2), 2 * walk.x.size(3)});
}

void LayerStack::pass(const ResidualLayer& layer, Walk& walk) {
  const torch::Tensor kept = walk.x;
  go(layer.main, walk);
  const torch::Tensor main = walk.x;
  walk.x = kept;
  go(layer.shortcut, walk);
  walk.x = main + walk.x;
}

void LayerStack::pass(const SkipLayer& layer, Walk& walk) {
  const torch::Tensor kept = walk.x;
  go(layer.inner, walk);
  walk.x = at::cat({kept, walk.x}, 1);
}

void LayerStack::pass(const TranslateLayer& layer, Walk& walk) {
  const torch::Tensor whole = walk.x, present = walk.present;
  const std::int64_t rest = whole.size(1) - layer.source;
  walk.x = whole.narrow(1, 0, layer.source);
  walk.present = present.narrow(1, 0, layer.source);
  go(layer.encoder, walk);
  walk.memory = walk.x;
  walk.memory_present = walk.present;
  walk.x = whole.narrow(1, layer.source, rest);
  walk.present = present.narrow(1, layer.source, rest);
  go(layer.decoder, walk);
}

void LayerStack::pass(const LatentLayer& layer, Walk& walk) {
  const torch::Tensor mean = walk.x.narrow(1, 0, layer.code);
  if (!training_) {
    walk.x = mean;
    return;
  }
  const torch::Tensor variance = walk.x.narrow(1, layer.code, layer.code);  // its logarithm
  const torch::Tensor divergence =
      0.5 * (mean.square() + variance.exp() - 1.0 - variance).sum(1);  // of each row
  extra_loss_ = divergence.mean() * (layer.beta / static_cast<double>(layer.inputs));
  const torch::Tensor noise = at::empty(mean.sizes(), mean.options().device(torch::kCPU))
                                  .normal_(0.0, 1.0, generator_)
                                  .to(mean.device());
  walk.x = mean + (variance * 0.5).exp() * noise;
}

}  // namespace tributary
