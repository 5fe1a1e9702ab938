// SPDX-License-Identifier: Apache-2.0
// What each kind of layer has and does, without Torch. A kind that one of these overloads lacks
// does not compile.
#include <cmath>

#include "client/learning/layers.h"

namespace tributary {
namespace {

using Tensors = std::vector<LayerTensor>;

// PyTorch's default for Linear and Conv: uniform within 1/sqrt(fan in), weight and bias.
Tensors weighted(std::vector<std::int64_t> shape, std::int64_t fan_in) {
  const double spread = 1.0 / std::sqrt(static_cast<double>(fan_in));
  const std::int64_t outputs = shape[0];
  return {{"weight", std::move(shape), 0.0, spread}, {"bias", {outputs}, 0.0, spread}};
}

// Starts as what changes nothing.
Tensors scaled(std::int64_t channels) {
  return {{"weight", {channels}, 1.0, 0.0}, {"bias", {channels}, 0.0, 0.0}};
}

Tensors tensors(const LinearLayer& linear) {
  return weighted({linear.outputs, linear.inputs}, linear.inputs);
}
Tensors tensors(const ConvLayer& conv) {
  return weighted({conv.outputs, conv.inputs, conv.kernel, conv.kernel},
                  conv.inputs * conv.kernel * conv.kernel);
}
Tensors tensors(const LayerNormLayer& norm) { return scaled(norm.features); }
Tensors tensors(const GroupNormLayer& norm) { return scaled(norm.channels); }
// Of variance 1, as PyTorch's; not normal, as the logarithm of one machine is not another's.
Tensors tensors(const EmbeddingLayer& embedding) {
  return {{"weight", {embedding.ids, embedding.width}, 0.0, std::sqrt(3.0)}};
}
Tensors tensors(const FlattenLayer&) { return {}; }
Tensors tensors(const MeanOfPlacesLayer&) { return {}; }
Tensors tensors(const ActivationLayer&) { return {}; }
Tensors tensors(const MaxPoolLayer&) { return {}; }
Tensors tensors(const DropoutLayer&) { return {}; }

std::string parameters(const std::string& name) {
  return "self." + name + ".weight, self." + name + ".bias";
}
std::string list_of(std::int64_t size, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += (i > 0 ? ", " : "") + std::to_string(size);
  return "[" + text + "]";
}

// What becomes of x; `present`: which places of the last embedding have an id.
std::string source(const FlattenLayer&) { return "x = torch.flatten(x, 1)"; }
std::string source(const LinearLayer& linear) {
  return "x = torch.linear(x, " + parameters(linear.name) + ")";
}
std::string source(const ConvLayer& conv) {
  return "x = torch.conv2d(x, " + parameters(conv.name) + ", 1, " +
         (conv.same_padding ? "'same'" : "'valid'") + ")";
}
std::string source(const LayerNormLayer& norm) {
  return "x = torch.layer_norm(x, " + list_of(norm.features, 1) + ", " + parameters(norm.name) +
         ", 1e-05)";
}
std::string source(const GroupNormLayer& norm) {
  return "x = torch.group_norm(x, " + std::to_string(norm.groups) + ", " + parameters(norm.name) +
         ", 1e-05)";
}
std::string source(const EmbeddingLayer& embedding) {
  return "present = torch.unsqueeze(x != 0, -1)\n    x = torch.embedding(self." + embedding.name +
         ".weight, x.long())";
}
std::string source(const MeanOfPlacesLayer&) {
  return "counted = present.type_as(x)\n"
         "    x = torch.sum(x * counted, [1]) / torch.clamp(torch.sum(counted, [1]), 1.0)";
}
std::string source(const ActivationLayer& activation) {
  switch (activation.function) {
    case Activation::kRelu:
      return "x = torch.relu(x)";
    case Activation::kTanh:
      return "x = torch.tanh(x)";
    case Activation::kSigmoid:
      return "x = torch.sigmoid(x)";
    case Activation::kGelu:
      return "x = torch.gelu(x)";
  }
  return "";
}
std::string source(const MaxPoolLayer& pool) {
  return "x = torch.max_pool2d(x, " + list_of(pool.size, 2) + ")";
}
std::string source(const DropoutLayer& dropout) {
  return "x = torch.dropout(x, " + std::to_string(dropout.rate) + ", self.training)";
}

}  // namespace

std::vector<LayerTensor> tensors_of(const Layer& layer) {
  return std::visit([](const auto& kind) { return tensors(kind); }, layer);
}

std::string name_of(const Layer& layer) {
  return std::visit(
      [](const auto& kind) -> std::string {
        if constexpr (requires { kind.name; }) return kind.name;
        return "";
      },
      layer);
}

std::string forward_source(const Layers& layers) {
  std::string text = "def forward(self, x):\n";
  for (const Layer& layer : layers)
    text += "    " + std::visit([](const auto& kind) { return source(kind); }, layer) + "\n";
  return text + "    return x\n";
}

}  // namespace tributary
