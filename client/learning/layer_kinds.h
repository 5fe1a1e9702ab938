// SPDX-License-Identifier: Apache-2.0
// The kinds of layer that a model is a tree of, in plain values; what is done with them is in
// layers.h. Any thread. No Torch in this header.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace tributary {

struct Layer;
using Layers = std::vector<Layer>;

// Names are paths: "layer1.0.conv1" is module conv1 of module 0 of module layer1. Layers of one
// module stand together, so that tensors come in the order in which modules are walked.
//
// --- of any rows ---
struct FlattenLayer {};  // to [rows, features]
struct ReshapeLayer {    // to [rows, ...shape]
  std::vector<std::int64_t> shape;
};
struct LinearLayer {  // over the last dimension; tensors NAME.weight [outputs, inputs] and
                      // NAME.bias [outputs]
  std::string name;
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
};
enum class Activation { kRelu, kTanh, kSigmoid, kGelu };
struct ActivationLayer {
  Activation function = Activation::kRelu;
};
struct DropoutLayer {
  double rate = 0.5;
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
// --- of pictures: [rows, channels, height, width] ---
struct ConvLayer {  // tensors NAME.weight [outputs, inputs, kernel, kernel] and, unless `plain`,
                    // NAME.bias [outputs]
  std::string name;
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  std::int64_t kernel = 1;
  bool same_padding = false;  // the size stays; with stride 1
  std::int64_t stride = 1;
  std::int64_t padding = 0;  // zeros at each side, beside same_padding
  bool plain = false;        // no bias, and the initial weights of He et al. 2015: a norm follows
};
// Over all rows of the batch and all places of a channel (Ioffe and Szegedy 2015); in evaluation by
// what training has seen. Tensors NAME.weight and NAME.bias; buffers NAME.running_mean and
// NAME.running_var, which travel. All [channels].
struct BatchNormLayer {
  std::string name;
  std::int64_t channels = 0;
};
struct MaxPoolLayer {
  std::int64_t size = 2;
  std::int64_t stride = 0;  // 0: the size
  std::int64_t padding = 0;
};
struct GlobalAveragePoolLayer {};  // to [rows, channels]
struct UpsampleLayer {};           // each pixel becomes four
// --- of sequences: [rows, places, width] ---
// From [rows, places] of ids, whole numbers below `ids`, to [rows, places, width]; tensor
// NAME.weight [ids, width]. Id 0 is padding: layers that are `padded` know, from the embedding
// before them, which places have another one.
struct EmbeddingLayer {
  std::string name;
  std::int64_t ids = 0;
  std::int64_t width = 0;
};
// To [rows, width]: the mean over the places, or those that are no padding; zeros where there is
// none.
struct MeanOfPlacesLayer {
  bool padded = true;
};
struct TakePlaceLayer {  // to [rows, width]
  bool last = true;      // else the first
  bool padded = false;   // the last one that is no padding
};
struct PlacesLastLayer {};  // [rows, places, classes] to [rows, classes, places]
// Adds what tells places apart; learned: tensor NAME.weight [places, width]; else sines (Vaswani et
// al. 2017).
struct PositionsLayer {
  std::string name;
  std::int64_t places = 0;
  std::int64_t width = 0;
  bool learned = true;
};
// Tensors as of torch.nn.LSTM and GRU: NAME.weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, and
// with _reverse of the way back. To [rows, places, hidden, or twice that]. The way back begins at
// the last place that is no padding.
struct RecurrentLayer {
  std::string name;
  bool gru = false;
  std::int64_t inputs = 0;
  std::int64_t hidden = 0;
  std::int64_t layers = 1;
  bool bidirectional = false;
  double dropout = 0.0;  // between layers
  bool padded = false;
};
// Multi-head attention (Vaswani et al. 2017). Tensors as of torch.nn.MultiheadAttention; `cross`:
// NAME.q_proj and NAME.kv_proj in place of in_proj, keys and values being what the encoder of
// TranslateLayer gave.
struct AttentionLayer {
  std::string name;
  std::int64_t width = 0;
  std::int64_t heads = 1;  // divides width
  bool causal = false;     // a place sees none behind it
  bool cross = false;
  bool padded = false;
  double dropout = 0.0;  // of what a place takes from others
};
// --- of spikes: [rows, steps, neurons] ---
struct RepeatLayer {  // from [rows, neurons]: the same current in each step
  std::int64_t steps = 1;
};
// Leaky integrate-and-fire: a neuron's potential is beta times what it was, plus its current; above
// `threshold` it spikes (1, else 0) and the threshold is taken off. Backwards a spike's derivative
// is that of a fast sigmoid, or an arc tangent, of how far the potential is above it (Neftci et al.
// 2019).
struct SpikeLayer {
  double beta = 0.9;
  double threshold = 1.0;
  double slope = 25.0;
  bool arctan = false;
};
// To [rows, neurons]: how many spikes there are, or (leaky) the mean over the steps of a potential
// that integrates its current and never spikes.
struct ReadSpikesLayer {
  bool leaky = true;
  double beta = 0.9;
};
// --- of other layers ---
struct ResidualLayer {  // main(x) + shortcut(x); an empty one is x itself
  Layers main;
  Layers shortcut;
};
struct SkipLayer {  // x and inner(x) side by side, as more channels
  Layers inner;
};
// The first `source` places go through the encoder; what that gives is what cross attention of the
// decoder sees, which the other places go through.
struct TranslateLayer {
  std::int64_t source = 0;
  Layers encoder;
  Layers decoder;
};
// From [rows, 2 code], mean and logarithm of the variance, to [rows, code]: in training a value
// drawn from that normal distribution, in evaluation its mean (Kingma and Welling 2014). Adds beta
// times its divergence from the standard one, divided by `inputs`, to the loss.
struct LatentLayer {
  std::int64_t code = 1;
  double beta = 1.0;
  std::int64_t inputs = 1;
};
struct Layer {
  using Kind = std::variant<FlattenLayer, ReshapeLayer, LinearLayer, ActivationLayer, DropoutLayer,
                            LayerNormLayer, GroupNormLayer, ConvLayer, BatchNormLayer, MaxPoolLayer,
                            GlobalAveragePoolLayer, UpsampleLayer, EmbeddingLayer,
                            MeanOfPlacesLayer, TakePlaceLayer, PlacesLastLayer, PositionsLayer,
                            RecurrentLayer, AttentionLayer, RepeatLayer, SpikeLayer,
                            ReadSpikesLayer, ResidualLayer, SkipLayer, TranslateLayer, LatentLayer>;
  template <typename Any>
  requires(!std::is_same_v<Any, Layer>) Layer(Any any) : kind(std::move(any)) {}
  Kind kind;
};

}  // namespace tributary
