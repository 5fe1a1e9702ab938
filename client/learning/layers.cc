// SPDX-License-Identifier: Apache-2.0
#include "client/learning/layers.h"

#include <cmath>

namespace tributary {

Result<Activation> activation_from_name(const std::string& name) {
  if (name == "relu") return Activation::kRelu;
  if (name == "tanh") return Activation::kTanh;
  if (name == "sigmoid") return Activation::kSigmoid;
  if (name == "gelu") return Activation::kGelu;
  return make_error(ErrorCode::kInvalidArgument,
                    "there is no activation '" + name + "'; choose relu, tanh, sigmoid or gelu");
}

Status add_dense(Layers& layers, const std::string& name, std::int64_t inputs,
                 const std::vector<std::int64_t>& widths, std::int64_t outputs,
                 const Between& between) {
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] < 1) {
      return make_error(ErrorCode::kInvalidArgument, "layer " + name + std::to_string(i + 1) +
                                                         " has " + std::to_string(widths[i]) +
                                                         " units; give at least 1");
    }
    const std::string numbered = name + std::to_string(i + 1);
    layers.emplace_back(LinearLayer{numbered, inputs, widths[i]});
    if (between.layer_norm) layers.emplace_back(LayerNormLayer{numbered + "_norm", widths[i]});
    layers.emplace_back(ActivationLayer{between.activation});
    if (between.dropout_rate > 0.0) layers.emplace_back(DropoutLayer{between.dropout_rate});
    inputs = widths[i];
  }
  layers.emplace_back(LinearLayer{"output", inputs, outputs});
  return {};
}

double attention_scale(const AttentionLayer& attention) {
  return 1.0 / std::sqrt(static_cast<double>(attention.width / attention.heads));
}

std::int64_t norm_groups(std::int64_t channels) {
  constexpr std::int64_t kTogether = 16;
  return channels % kTogether == 0 ? channels / kTogether : 1;
}

std::vector<const Layers*> within(const Layer& layer) {
  if (const auto* residual = std::get_if<ResidualLayer>(&layer.kind))
    return {&residual->main, &residual->shortcut};
  if (const auto* skip = std::get_if<SkipLayer>(&layer.kind)) return {&skip->inner};
  if (const auto* translate = std::get_if<TranslateLayer>(&layer.kind))
    return {&translate->encoder, &translate->decoder};
  return {};
}

std::vector<const Layer*> leaves_of(const Layers& layers) {
  std::vector<const Layer*> leaves;
  for (const Layer& layer : layers) {
    const std::vector<const Layers*> lists = within(layer);
    if (lists.empty()) leaves.push_back(&layer);
    for (const Layers* list : lists) {
      const std::vector<const Layer*> inner = leaves_of(*list);
      leaves.insert(leaves.end(), inner.begin(), inner.end());
    }
  }
  return leaves;
}

std::int64_t features_of(const std::vector<std::int64_t>& shape) {
  std::int64_t features = 1;
  for (const std::int64_t size : shape) features *= size;
  return features;
}

}  // namespace tributary
