// SPDX-License-Identifier: Apache-2.0
// The model made of a list of layers. Tensors are used directly rather than through torch::nn,
// whose constructors would draw initial weights that are thrown away each round.
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "client/learning/layers.h"
#include "client/learning/torch_model.h"
#include "common/base/limits.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

const char* function_name(Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return "relu";
    case Activation::kTanh:
      return "tanh";
    case Activation::kSigmoid:
      return "sigmoid";
    case Activation::kGelu:
      return "gelu";
  }
  return "";
}

// Shape of NAME.weight; empty for layers without tensors.
std::vector<std::int64_t> weight_shape(const Layer& layer) {
  if (const auto* linear = std::get_if<LinearLayer>(&layer))
    return {linear->outputs, linear->inputs};
  if (const auto* conv = std::get_if<ConvLayer>(&layer)) {
    return {conv->outputs, conv->inputs, conv->kernel, conv->kernel};
  }
  return {};
}

std::string name_of(const Layer& layer) {
  if (const auto* linear = std::get_if<LinearLayer>(&layer)) return linear->name;
  if (const auto* conv = std::get_if<ConvLayer>(&layer)) return conv->name;
  return "";
}

class LayerStack final : public TorchModel {
 public:
  explicit LayerStack(Layers layers) : layers_(std::move(layers)) {
    for (const Layer& layer : layers_) {
      const auto shape = weight_shape(layer);
      if (shape.empty()) continue;
      tensors.push_back({name_of(layer) + ".weight", torch::zeros(shape).requires_grad_()});
      tensors.push_back({name_of(layer) + ".bias", torch::zeros({shape[0]}).requires_grad_()});
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
  // `uses`: null where nobody asks.
  torch::Tensor walk(const torch::Tensor& inputs, std::vector<LayerUse>* uses);
  torch::Tensor convolve(const ConvLayer& layer, const torch::Tensor& x, std::size_t at) const;
  torch::Tensor traced(const ConvLayer* conv, const torch::Tensor& x, std::size_t at,
                       std::vector<LayerUse>& uses) const;
  torch::Tensor drop(const torch::Tensor& x, double rate);

  Layers layers_;
  bool training_ = false;
  at::Generator generator_ = at::detail::createCPUGenerator(0);
};

torch::Tensor LayerStack::walk(const torch::Tensor& inputs, std::vector<LayerUse>* uses) {
  torch::Tensor x = inputs;
  std::size_t at = 0;  // of the layer's weight in `tensors`
  for (const Layer& layer : layers_) {
    std::visit(Overloaded{
                   [&](const FlattenLayer&) { x = x.flatten(1); },
                   [&](const LinearLayer&) {
                     x = uses != nullptr
                             ? traced(nullptr, x, at, *uses)
                             : at::linear(x, tensors[at].tensor, tensors[at + 1].tensor);
                     at += 2;
                   },
                   [&](const ConvLayer& conv) {
                     x = uses != nullptr ? traced(&conv, x, at, *uses) : convolve(conv, x, at);
                     at += 2;
                   },
                   [&](const ActivationLayer& activation) {
                     if (activation.function == Activation::kRelu) x = at::relu(x);
                     if (activation.function == Activation::kTanh) x = at::tanh(x);
                     if (activation.function == Activation::kSigmoid) x = at::sigmoid(x);
                     if (activation.function == Activation::kGelu) x = at::gelu(x);
                   },
                   [&](const MaxPoolLayer& pool) {
                     if (pool.size > 1) x = at::max_pool2d(x, {pool.size, pool.size});
                   },
                   [&](const DropoutLayer& dropout) { x = drop(x, dropout.rate); },
               },
               layer);
  }
  return x;
}

torch::Tensor LayerStack::convolve(const ConvLayer& layer, const torch::Tensor& x,
                                   std::size_t at) const {
  const torch::Tensor& weight = tensors[at].tensor;
  const torch::Tensor& bias = tensors[at + 1].tensor;
  if (layer.same_padding && layer.kernel % 2 == 0) return at::conv2d(x, weight, bias, 1, "same");
  const std::int64_t padding = layer.same_padding ? (layer.kernel - 1) / 2 : 0;
  return at::conv2d(x, weight, bias, 1, padding);
}

// The weights need no gradient here: what it is for each row follows from `uses`.
torch::Tensor LayerStack::traced(const ConvLayer* conv, const torch::Tensor& x, std::size_t at,
                                 std::vector<LayerUse>& uses) const {
  const torch::Tensor weight = tensors[at].tensor.detach().to(torch::kDouble);
  const torch::Tensor bias = tensors[at + 1].tensor.detach().to(torch::kDouble);
  torch::Tensor inputs = x;
  if (conv != nullptr && conv->same_padding) {
    const std::int64_t before = (conv->kernel - 1) / 2, behind = conv->kernel - 1 - before;
    inputs = at::constant_pad_nd(x, {before, behind, before, behind});
  }
  torch::Tensor outputs =
      conv != nullptr ? at::conv2d(inputs, weight, bias) : at::linear(inputs, weight, bias);
  if (!outputs.requires_grad()) outputs.requires_grad_();
  uses.push_back({at, inputs.detach(), outputs, conv != nullptr ? conv->kernel : 0});
  return outputs;
}

// Inverted dropout from this model's own generator: Torch's is shared by all threads of the
// process.
torch::Tensor LayerStack::drop(const torch::Tensor& x, double rate) {
  if (!training_) return x;
  const double keep = 1.0 - rate;
  if (keep <= 0.0) return x * 0.0;
  return x * at::empty_like(x.detach()).bernoulli_(keep, generator_).div_(keep);
}

// PyTorch's default for Linear and Conv: uniform within 1/sqrt(fan in), weight and bias; from our
// own generator, so that every machine and every version of Torch starts from the same bits.
void LayerStack::initialize(std::uint64_t job_seed) {
  for (std::size_t i = 0; i < tensors.size(); i += 2) {
    const torch::Tensor& weight = tensors[i].tensor;
    const double bound = 1.0 / std::sqrt(static_cast<double>(weight[0].numel()));
    for (const std::size_t index : {i, i + 1}) {
      SeededRandom random(derive_seed(job_seed, "initial-weights", index));
      for (float& value : values_of(tensors[index].tensor)) {
        value = static_cast<float>(bound * (2.0 * random.uniform() - 1.0));
      }
    }
  }
}

// The forward function in TorchScript's language.
std::string forward_source(const Layers& layers) {
  const auto parameters = [](const std::string& name) {
    return "self." + name + ".weight, self." + name + ".bias";
  };
  std::string source = "def forward(self, x):\n";
  for (const Layer& layer : layers) {
    const std::string value = std::visit(
        Overloaded{
            [](const FlattenLayer&) { return std::string("torch.flatten(x, 1)"); },
            [&](const LinearLayer& linear) {
              return "torch.linear(x, " + parameters(linear.name) + ")";
            },
            [&](const ConvLayer& conv) {
              return "torch.conv2d(x, " + parameters(conv.name) + ", 1, " +
                     (conv.same_padding ? "'same'" : "'valid'") + ")";
            },
            [](const ActivationLayer& activation) {
              return std::string("torch.") + function_name(activation.function) + "(x)";
            },
            [](const MaxPoolLayer& pool) {
              const std::string size = std::to_string(pool.size);
              return "torch.max_pool2d(x, [" + size + ", " + size + "])";
            },
            [](const DropoutLayer& dropout) {
              return "torch.dropout(x, " + std::to_string(dropout.rate) + ", self.training)";
            },
        },
        layer);
    source += "    x = " + value + "\n";
  }
  return source + "    return x\n";
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
    if (weight_shape(layer).empty()) continue;
    torch::jit::Module part = make_module("__torch__.tributary.Layer");
    part.register_parameter("weight", tensors[at].tensor.detach().clone().requires_grad_(), false);
    part.register_parameter("bias", tensors[at + 1].tensor.detach().clone().requires_grad_(),
                            false);
    root.register_module(name_of(layer), part);
    at += 2;
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
    double values = 1.0;
    for (const std::int64_t size : weight_shape(layer)) values *= static_cast<double>(size);
    bytes += values * sizeof(float);
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
