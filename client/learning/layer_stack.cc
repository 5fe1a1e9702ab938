// SPDX-License-Identifier: Apache-2.0
// The model made of a list of layers. Tensors are used directly rather than through torch::nn,
// whose constructors would draw initial weights that are thrown away each round.
#include <ATen/CPUGeneratorImpl.h>

#include "client/learning/layers.h"
#include "client/learning/torch_model.h"
#include "common/base/limits.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

// Where a forward() stands.
struct Walk {
  torch::Tensor x;
  torch::Tensor present;        // [rows, places, 1], of the last embedding: where there is an id
  std::size_t at = 0;           // of the next layer's first tensor in `tensors`
  std::vector<LayerUse>* uses;  // null where nobody asks
};

class LayerStack final : public TorchModel {
 public:
  explicit LayerStack(Layers layers) : layers_(std::move(layers)) {
    for (const Layer& layer : layers_) {
      for (const LayerTensor& tensor : tensors_of(layer)) {
        tensors.push_back(
            {name_of(layer) + "." + tensor.name, torch::zeros(tensor.shape).requires_grad_()});
      }
    }
    parameters = tensors.size();
  }

  torch::Tensor forward(const torch::Tensor& inputs) override { return walk(inputs, nullptr); }
  torch::Tensor forward_traced(const torch::Tensor& inputs, std::vector<LayerUse>& uses) override {
    return walk(inputs.to(torch::kDouble), &uses);
  }
  torch::Tensor forward_alone(const torch::Tensor& inputs, std::uint64_t seed) override {
    generator_ = at::detail::createCPUGenerator(seed);
    return walk(inputs, nullptr);
  }
  void watch(Watched* to) override { watched_ = to; }
  void set_training(bool training) override { training_ = training; }
  std::unique_lock<std::mutex> seed_randomness(std::uint64_t seed) override {
    generator_ = at::detail::createCPUGenerator(seed);
    return {};
  }
  void initialize(std::uint64_t job_seed) override;
  void save(std::ostream& file) override;
  void save_state(StateWriter& to) const override;
  Status restore_state(StateReader& from) override;

 private:
  torch::Tensor walk(const torch::Tensor& inputs, std::vector<LayerUse>* uses);
  // Each takes x one layer further; `at` is moved by walk().
  void pass(const FlattenLayer& layer, Walk& walk);
  void pass(const LinearLayer& layer, Walk& walk);
  void pass(const ConvLayer& layer, Walk& walk);
  void pass(const LayerNormLayer& layer, Walk& walk);
  void pass(const GroupNormLayer& layer, Walk& walk);
  void pass(const EmbeddingLayer& layer, Walk& walk);
  void pass(const MeanOfPlacesLayer& layer, Walk& walk);
  void pass(const ActivationLayer& layer, Walk& walk);
  void pass(const MaxPoolLayer& layer, Walk& walk);
  void pass(const DropoutLayer& layer, Walk& walk);
  torch::Tensor convolve(const ConvLayer& layer, const torch::Tensor& x, std::size_t at) const;
  // The weights of a traced layer need no gradient: what it is for each row follows from its use.
  torch::Tensor fixed(std::size_t at) const {
    return tensors[at].tensor.detach().to(torch::kDouble);
  }

  Layers layers_;
  bool training_ = false;
  Watched* watched_ = nullptr;
  at::Generator generator_ = at::detail::createCPUGenerator(0);
};

torch::Tensor LayerStack::walk(const torch::Tensor& inputs, std::vector<LayerUse>* uses) {
  Walk walk{inputs, {}, 0, uses};
  for (const Layer& layer : layers_) {
    std::visit([&](const auto& kind) { pass(kind, walk); }, layer);
    walk.at += tensors_of(layer).size();
    const bool shows =
        std::holds_alternative<ConvLayer>(layer) || std::holds_alternative<ActivationLayer>(layer);
    if (watched_ != nullptr && shows) watched_->feature_maps.push_back(walk.x);
  }
  return walk.x;
}

// The layer's output as that of which the gradients of rows are made.
void trace(Walk& walk, torch::Tensor outputs, LayerUse::Kind kind) {
  if (!outputs.requires_grad()) outputs.requires_grad_();
  walk.x = outputs;
  walk.uses->push_back({walk.at, std::move(outputs), std::move(kind)});
}

void LayerStack::pass(const FlattenLayer&, Walk& walk) { walk.x = walk.x.flatten(1); }

void LayerStack::pass(const LinearLayer&, Walk& walk) {
  if (walk.uses == nullptr) {
    walk.x = at::linear(walk.x, tensors[walk.at].tensor, tensors[walk.at + 1].tensor);
    return;
  }
  const torch::Tensor inputs = walk.x.detach();
  trace(walk, at::linear(walk.x, fixed(walk.at), fixed(walk.at + 1)), DenseUse{inputs});
}

void LayerStack::pass(const ConvLayer& layer, Walk& walk) {
  if (walk.uses == nullptr) {
    walk.x = convolve(layer, walk.x, walk.at);
    return;
  }
  torch::Tensor inputs = walk.x;
  if (layer.same_padding) {
    const std::int64_t before = (layer.kernel - 1) / 2, behind = layer.kernel - 1 - before;
    inputs = at::constant_pad_nd(walk.x, {before, behind, before, behind});
  }
  trace(walk, at::conv2d(inputs, fixed(walk.at), fixed(walk.at + 1)),
        ConvolutionUse{inputs.detach(), layer.kernel});
}

void LayerStack::pass(const LayerNormLayer& layer, Walk& walk) {
  if (walk.uses == nullptr) {
    walk.x = at::layer_norm(walk.x, {layer.features}, tensors[walk.at].tensor,
                            tensors[walk.at + 1].tensor, kNormEpsilon);
    return;
  }
  const torch::Tensor normal = at::layer_norm(walk.x, {layer.features}, {}, {}, kNormEpsilon);
  trace(walk, normal * fixed(walk.at) + fixed(walk.at + 1),
        NormUse{normal.detach(), normal.dim() - 1});
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
  trace(walk, normal * fixed(walk.at).view(over_places) + fixed(walk.at + 1).view(over_places),
        NormUse{normal.detach(), 1});
}

void LayerStack::pass(const EmbeddingLayer&, Walk& walk) {
  const torch::Tensor ids = walk.x.to(torch::kLong);
  walk.present = (ids != 0).unsqueeze(-1);
  const torch::Tensor& weight = tensors[walk.at].tensor;
  if (walk.uses == nullptr) {
    walk.x = at::embedding(weight, ids);
  } else {
    trace(walk, at::embedding(weight.detach(), ids).to(torch::kDouble), EmbeddingUse{ids});
  }
}

void LayerStack::pass(const MeanOfPlacesLayer&, Walk& walk) {
  const torch::Tensor counted = walk.present.to(walk.x.scalar_type());
  walk.x = (walk.x * counted).sum(1) / counted.sum(1).clamp_min(1.0);
}

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

void LayerStack::pass(const MaxPoolLayer& layer, Walk& walk) {
  if (layer.size > 1) walk.x = at::max_pool2d(walk.x, {layer.size, layer.size});
}

torch::Tensor LayerStack::convolve(const ConvLayer& layer, const torch::Tensor& x,
                                   std::size_t at) const {
  const torch::Tensor& weight = tensors[at].tensor;
  const torch::Tensor& bias = tensors[at + 1].tensor;
  if (layer.same_padding && layer.kernel % 2 == 0) return at::conv2d(x, weight, bias, 1, "same");
  const std::int64_t padding = layer.same_padding ? (layer.kernel - 1) / 2 : 0;
  return at::conv2d(x, weight, bias, 1, padding);
}

// Inverted dropout from this model's own generator: Torch's is shared by all threads of the
// process.
void LayerStack::pass(const DropoutLayer& layer, Walk& walk) {
  if (!training_) return;
  const double keep = 1.0 - layer.rate;
  const torch::Tensor& x = walk.x;
  walk.x = keep <= 0.0 ? x * 0.0
                       : x * at::empty_like(x.detach()).bernoulli_(keep, generator_).div_(keep);
}

// From our own generator, so that every machine and every version of Torch starts from the same
// bits.
void LayerStack::initialize(std::uint64_t job_seed) {
  std::size_t at = 0;
  for (const Layer& layer : layers_) {
    for (const LayerTensor& tensor : tensors_of(layer)) {
      SeededRandom random(derive_seed(job_seed, "initial-weights", at));
      for (float& value : values_of(tensors[at].tensor)) {
        value = static_cast<float>(tensor.middle + tensor.spread * (2.0 * random.uniform() - 1.0));
      }
      ++at;
    }
  }
}

void LayerStack::save(std::ostream& file) {
  const auto unit = std::make_shared<torch::jit::CompilationUnit>();
  const auto make_module = [&unit](const char* name) {
    torch::jit::Module module(c10::QualifiedName(name), unit, true);
    module.register_attribute("training", c10::BoolType::get(), false);
    return module;
  };
  torch::jit::Module root = make_module("__torch__.tributary.Model");
  std::size_t at = 0;
  for (const Layer& layer : layers_) {
    const std::vector<LayerTensor> own = tensors_of(layer);
    if (own.empty()) continue;
    torch::jit::Module part = make_module("__torch__.tributary.Layer");
    for (const LayerTensor& tensor : own) {
      part.register_parameter(tensor.name, tensors[at++].tensor.detach().clone().requires_grad_(),
                              false);
    }
    root.register_module(name_of(layer), part);
  }
  root.define(forward_source(layers_));
  root.save(file);
}

void LayerStack::save_state(StateWriter& to) const {
  for (const NamedTensor& named : tensors) to.floats(values_of(named.tensor));
  save_generator(to, generator_);
}

Status LayerStack::restore_state(StateReader& from) {
  for (const NamedTensor& named : tensors) {
    TRIB_TRY(values, from.floats());
    const auto to = values_of(named.tensor);
    if (values.size() != to.size())
      return make_error(ErrorCode::kDataLoss, "another number of values for " + named.name);
    std::ranges::copy(values, to.begin());
  }
  return restore_generator(from, generator_);
}

}  // namespace

Result<TorchModelPtr> build_layers(Layers layers) {
  double bytes = 0.0;
  for (const Layer& layer : layers) {
    for (const LayerTensor& tensor : tensors_of(layer)) {
      double values = 1.0;
      for (const std::int64_t size : tensor.shape) values *= static_cast<double>(size);
      bytes += values * sizeof(float);
    }
  }
  if (bytes > static_cast<double>(limits::kBlobBytesMax)) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "the model's weights would not fit kBlobBytesMax; use smaller or fewer layers");
  }
  return guarded("building the model", [&]() -> Result<TorchModelPtr> {
    return TorchModelPtr(std::make_shared<LayerStack>(std::move(layers)));
  });
}

}  // namespace tributary
