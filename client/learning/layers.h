// SPDX-License-Identifier: Apache-2.0
// A model as a list of layers, in plain values: what the built-in families write down. From one
// list come the model that trains, its initial weights and the TorchScript that Python loads. Any
// thread. No Torch in this header.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "client/learning/family.h"

namespace tributary {

struct FlattenLayer {};  // to [rows, features]
struct LinearLayer {     // tensors NAME.weight [outputs, inputs] and NAME.bias [outputs]
  std::string name;
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
};
struct ConvLayer {  // tensors NAME.weight [outputs, inputs, kernel, kernel] and NAME.bias
                    // [outputs]; stride 1
  std::string name;
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  std::int64_t kernel = 1;
  bool same_padding = false;
};
// Tensors NAME.weight and NAME.bias. Both bring what they see of one row to mean 0 and variance 1,
// then scale and shift it; they know no other row, as batch norm would.
struct LayerNormLayer {  // over the last dimension (Ba et al. 2016); tensors [features]
  std::string name;
  std::int64_t features = 0;
};
struct GroupNormLayer {  // over all places of a group of channels (Wu and He 2018); tensors
                         // [channels]; groups = channels is instance norm
  std::string name;
  std::int64_t channels = 0;
  std::int64_t groups = 1;  // divides channels
};
// From [rows, places] of ids, whole numbers below `ids`, to [rows, places, width]; tensor
// NAME.weight [ids, width].
struct EmbeddingLayer {
  std::string name;
  std::int64_t ids = 0;
  std::int64_t width = 0;
};
// From [rows, places, width] of the embedding before to [rows, width]: the mean over the places
// whose id is not 0, which is padding; zeros where there is none.
struct MeanOfPlacesLayer {};
enum class Activation { kRelu, kTanh, kSigmoid, kGelu };
struct ActivationLayer {
  Activation function = Activation::kRelu;
};
struct MaxPoolLayer {  // stride = size
  std::int64_t size = 2;
};
struct DropoutLayer {
  double rate = 0.5;
};
using Layer =
    std::variant<FlattenLayer, LinearLayer, ConvLayer, LayerNormLayer, GroupNormLayer,
                 EmbeddingLayer, MeanOfPlacesLayer, ActivationLayer, MaxPoolLayer, DropoutLayer>;
using Layers = std::vector<Layer>;
inline constexpr double kNormEpsilon = 1e-5;  // added to variances, as PyTorch does

// One tensor of a layer, and what it is before the first round: uniform within `spread` of
// `middle`.
struct LayerTensor {
  std::string name;  // within the layer: weight or bias
  std::vector<std::int64_t> shape;
  double middle = 0.0;
  double spread = 0.0;
};
std::vector<LayerTensor> tensors_of(const Layer& layer);  // none: it has no weights
std::string name_of(const Layer& layer);                  // empty where it has no weights
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

// Refuses lists whose weights would not fit a model file. Layer sizes must be positive.
Result<TorchModelPtr> build_layers(Layers layers);

}  // namespace tributary
