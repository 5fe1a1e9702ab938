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
    std::variant<FlattenLayer, LinearLayer, ConvLayer, ActivationLayer, MaxPoolLayer, DropoutLayer>;
using Layers = std::vector<Layer>;

// relu | tanh | sigmoid | gelu
Result<Activation> activation_from_name(const std::string& name);

// "hidden1" ... of the given widths with activations (and dropout, if rate > 0) between, then
// "output".
Status add_dense(Layers& layers, const std::string& name, std::int64_t inputs,
                 const std::vector<std::int64_t>& widths, std::int64_t outputs,
                 Activation activation, double dropout_rate);

std::int64_t features_of(const std::vector<std::int64_t>& shape);  // product

// Refuses lists whose weights would not fit a model file. Layer sizes must be positive.
Result<TorchModelPtr> build_layers(Layers layers);

}  // namespace tributary
