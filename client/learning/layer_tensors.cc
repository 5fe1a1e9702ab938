// SPDX-License-Identifier: Apache-2.0
// What each kind of layer has, without Torch. A kind that has weights and no overload here has
// none.
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

template <typename Kind>
Tensors tensors(const Kind& kind) {
  static_assert(
      !requires { kind.name; }, "a layer with a name has tensors");
  return {};
}
Tensors tensors(const LinearLayer& linear) {
  return weighted({linear.outputs, linear.inputs}, linear.inputs);
}
Tensors tensors(const ConvLayer& conv) {
  const std::int64_t fan_in = conv.inputs * conv.kernel * conv.kernel;
  std::vector<std::int64_t> shape = {conv.outputs, conv.inputs, conv.kernel, conv.kernel};
  if (!conv.plain) return weighted(std::move(shape), fan_in);
  return {{"weight", std::move(shape), 0.0, std::sqrt(6.0 / static_cast<double>(fan_in))}};
}
Tensors tensors(const LayerNormLayer& norm) { return scaled(norm.features); }
Tensors tensors(const GroupNormLayer& norm) { return scaled(norm.channels); }
Tensors tensors(const BatchNormLayer& norm) {
  Tensors all = scaled(norm.channels);
  all.push_back({"running_mean", {norm.channels}, 0.0, 0.0, true});
  all.push_back({"running_var", {norm.channels}, 1.0, 0.0, true});
  return all;
}
// Of variance 1, as PyTorch's; not normal, as the logarithm of one machine is not another's.
Tensors tensors(const EmbeddingLayer& embedding) {
  return {{"weight", {embedding.ids, embedding.width}, 0.0, std::sqrt(3.0)}};
}
// Of the variance of sines, so that neither token nor place drowns the other.
Tensors tensors(const PositionsLayer& positions) {
  if (!positions.learned) return {};
  return {{"weight", {positions.places, positions.width}, 0.0, std::sqrt(1.5)}};
}
Tensors tensors(const RecurrentLayer& recurrent) {
  const std::int64_t hidden = recurrent.hidden, gates = (recurrent.gru ? 3 : 4) * hidden;
  const double spread = 1.0 / std::sqrt(static_cast<double>(hidden));
  Tensors all;
  for (std::int64_t layer = 0; layer < recurrent.layers; ++layer) {
    const std::int64_t inputs =
        layer == 0 ? recurrent.inputs : (recurrent.bidirectional ? 2 : 1) * hidden;
    for (const char* way : {"", "_reverse"}) {
      if (*way != 0 && !recurrent.bidirectional) continue;
      const std::string end = "_l" + std::to_string(layer) + way;
      all.push_back({"weight_ih" + end, {gates, inputs}, 0.0, spread});
      all.push_back({"weight_hh" + end, {gates, hidden}, 0.0, spread});
      all.push_back({"bias_ih" + end, {gates}, 0.0, spread});
      all.push_back({"bias_hh" + end, {gates}, 0.0, spread});
    }
  }
  return all;
}
// Glorot and Bengio 2010, as torch.nn.MultiheadAttention; its biases begin at nothing.
Tensors tensors(const AttentionLayer& attention) {
  const std::int64_t width = attention.width;
  const auto projection = [&](const std::string& weight, const std::string& bias,
                              std::int64_t outputs) {
    const double spread = std::sqrt(6.0 / static_cast<double>(outputs + width));
    return Tensors{{weight, {outputs, width}, 0.0, spread}, {bias, {outputs}, 0.0, 0.0}};
  };
  Tensors all = attention.cross ? projection("q_proj.weight", "q_proj.bias", width)
                                : projection("in_proj_weight", "in_proj_bias", 3 * width);
  const auto add = [&all](const Tensors& more) { all.insert(all.end(), more.begin(), more.end()); };
  if (attention.cross) add(projection("kv_proj.weight", "kv_proj.bias", 2 * width));
  add(projection("out_proj.weight", "out_proj.bias", width));
  return all;
}

}  // namespace

std::vector<LayerTensor> tensors_of(const Layer& layer) {
  return std::visit([](const auto& kind) { return tensors(kind); }, layer.kind);
}

std::string name_of(const Layer& layer) {
  return std::visit(
      [](const auto& kind) -> std::string {
        if constexpr (requires { kind.name; }) return kind.name;
        return "";
      },
      layer.kind);
}

}  // namespace tributary
