// SPDX-License-Identifier: Apache-2.0
// A model as a tree of layers, in plain values: what the built-in families write down. From one
// tree come the model that trains, its initial weights and the TorchScript that Python loads. Any
// thread. No Torch in this header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/learning/family.h"
#include "client/learning/layer_kinds.h"

namespace tributary {

inline constexpr double kNormEpsilon = 1e-5;  // added to variances, as PyTorch does

inline constexpr double kNormMomentum = 0.1;  // of batch norm's running statistics
// Of attention: what a place that may not be seen is given before the softmax, of which nothing is
// left; a row without any place still gives numbers.
inline constexpr double kNeverTaken = -1e9;
// The longest sine of positions is 10000 times as long as the shortest.
inline constexpr double kLogOfLongestSine = 9.210340371976184;

// One tensor of a layer, and what it is before the first round: uniform within `spread` of
// `middle`.
struct LayerTensor {
  std::string name;  // within the layer: weight, bias
  std::vector<std::int64_t> shape;
  double middle = 0.0;
  double spread = 0.0;
  bool buffer = false;  // no gradient moves it
};
// Of the layer itself, not of layers within it; none: it has no weights.
std::vector<LayerTensor> tensors_of(const Layer& layer);
std::string name_of(const Layer& layer);  // empty where it has no weights
// Lists within a layer, in the order in which they are run; none of most kinds.
std::vector<const Layers*> within(const Layer& layer);
// Every layer that has no others within it, in the order in which they are run.
std::vector<const Layer*> leaves_of(const Layers& layers);
// The forward function in TorchScript's language.
std::string forward_source(const Layers& layers);

// relu | tanh | sigmoid | gelu
Result<Activation> activation_from_name(const std::string& name);

// What stands behind each hidden layer, in this order.
struct Between {
  bool layer_norm = false;  // "hidden1_norm" ...
  Activation activation = Activation::kRelu;
  double dropout_rate = 0.0;  // 0: none
};

// "hidden1" ... of the given widths with `between` between, then "output".
Status add_dense(Layers& layers, const std::string& name, std::int64_t inputs,
                 const std::vector<std::int64_t>& widths, std::int64_t outputs,
                 const Between& between);

std::int64_t features_of(const std::vector<std::int64_t>& shape);  // product

double attention_scale(const AttentionLayer& attention);  // 1 / sqrt(width of a head)

// Groups of group norm: of 16 channels each where that divides them, else one.
std::int64_t norm_groups(std::int64_t channels);

// Refuses trees whose weights would not fit a model file, or that are deeper than
// limits::kLayerDepthMax. Layer sizes must be positive.
Result<TorchModelPtr> build_layers(Layers layers);

}  // namespace tributary
