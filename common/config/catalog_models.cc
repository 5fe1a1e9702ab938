// SPDX-License-Identifier: Apache-2.0
#include "common/config/catalog_options.h"

namespace tributary {

using namespace catalog;

namespace {

OptionSchema activation() {
  return choice("activation", {"relu", "tanh", "sigmoid", "gelu"}, "relu", "between layers");
}

OptionSchema dropout() {
  return number("dropout", kBelowOne, 0.0,
                "share of units left out in training, against overfitting");
}

OptionSchema layer_norm() {
  return choice("norm", {"none", "layer"}, "none", "layer: layer norm before each activation");
}

OptionSchema conv_norm() {
  return choice("norm", {"group", "batch"}, "group",
                "behind each convolution; batch mixes the rows of a batch, group never does");
}

OptionSchema positions() {
  return choice("positions", {"learned", "sinusoidal"}, "learned",
                "what tells places apart; sinusoidal has no weights");
}

OptionSchema vocabulary_if_any() {
  return integer("vocabulary", {0, 1'000'000}, 0,
                 "inputs are ids below it, 0 is padding; 0: inputs are [steps, features]");
}

// Of attention, from the width on.
std::vector<OptionSchema> attention(std::vector<OptionSchema> options) {
  const std::vector<OptionSchema> more = {
      integer("width", {1, 8192}, 128, "of each place's vector"),
      integer("heads", {1, 128}, 4, "of attention; divides width"),
      integer("layers", {1, 96}, 2, "one upon the other; of translator, at each side"),
      integer("feedforward", {1, 65'536}, 512, "units of the dense layer in each"),
      number("dropout", kBelowOne, 0.1, "share of units left out in training, against overfitting"),
      positions()};
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

std::vector<OptionSchema> code_and_back() {
  return {integer("code", {1, 65'536}, 32, "numbers that an example is narrowed to"),
          sizes("hidden", {128}, "units of each dense layer on the way there; []: none"),
          sizes("channels", {},
                "of pictures: convolutions in place of dense layers, each halves the sides"),
          activation(),
          choice("output", {"linear", "sigmoid"}, "linear", "sigmoid: inputs are from 0 to 1")};
}

PluginSchema vae() {
  PluginSchema schema{"vae", "An autoencoder whose code is drawn, near to a normal one",
                      code_and_back()};
  schema.options.push_back(
      number("beta", kNotNegative, 1.0, "weight of how far the code is from a normal one"));
  return schema;
}

PluginSchema spiking() {
  return {"spiking",
          "Dense layers of neurons that integrate, leak and fire",
          {sizes("hidden", {128}, "neurons of each hidden layer"),
           integer("steps", {1, 16'384}, 16, "of time, for which the input stays"),
           number("beta", kBelowOne, 0.9, "what is left of a potential after a step"),
           number("threshold", kPositive, 1.0, "above which a neuron fires"),
           choice("surrogate", {"fast_sigmoid", "arctan"}, "fast_sigmoid",
                  "whose derivative stands for that of a spike"),
           number("slope", kPositive, 25.0, "of the surrogate at the threshold"),
           choice("output", {"membrane", "spikes"}, "membrane",
                  "mean potential, or number of spikes (classes only)")}};
}

// Those that read sequences.
std::vector<PluginSchema> sequence_families() {
  return {{"rnn",
           "LSTM or GRU over the steps of a sequence",
           {choice("cell", {"lstm", "gru"}, "lstm", "of each step"),
            integer("hidden", {1, 8192}, 128, "what a step hands on"),
            integer("layers", {1, 16}, 1, "one upon the other"),
            flag("bidirectional", false, "also from the end to the start; not for task: tokens"),
            vocabulary_if_any(), integer("width", {1, 8192}, 64, "of an id's vector"), dropout()}},
          {"transformer", "Attention over the places of a sequence; causal for task: tokens",
           attention({vocabulary_if_any(),
                      choice("pool", {"mean", "first"}, "mean",
                             "what answers: the mean of the places, or the first one")})},
          {"translator", "Encoder and decoder of attention: a text from another",
           attention({integer("vocabulary", {4, 1'000'000}, 10'000,
                              "ids of both texts are below it; 0 is padding"),
                      integer("source_length", {1, 16'384}, 64,
                              "ids of a row that are the text; the others are its translation")})}};
}

}  // namespace

const std::vector<PluginSchema>& model_families() {
  static const std::vector<PluginSchema> kFamilies = [] {
    std::vector<PluginSchema> families = {
        {"logistic", "One dense layer: logistic or linear regression", {}},
        {"mlp",
         "Dense layers",
         {sizes("hidden", {64}, "units of each hidden layer; []: none"), activation(), layer_norm(),
          dropout()}},
        {"cnn",
         "Convolutions with pooling, then dense layers",
         {sizes("channels", {16, 32}, "pictures that each convolution makes; one entry, one layer"),
          integer("kernel", {1, 31}, 3, "side of the filters"),
          integer("pool", {1, 8}, 2, "side of the maximum pooling; 1: none"),
          choice("padding", {"same", "valid"}, "same", "same: convolutions keep the size"),
          choice("norm", {"none", "group"}, "none", "group: group norm behind each convolution"),
          integer("groups", {1, 65'536}, 8, "of channels in group norm; divides each of channels"),
          sizes("dense", {128}, "units of each dense layer; []: none"), activation(), dropout()}},
        {"resnet",
         "Residual convolutions: ResNet-18 or 34",
         {choice("depth", {"18", "34"}, "18", "layers with weights"), conv_norm(),
          integer("width", {1, 1024}, 64, "channels of the first stage; each next one has twice")}},
        {"unet",
         "U-Net: a class for each pixel of a picture",
         {sizes("channels", {32, 64, 128, 256}, "of each level; all but the first halve the sides"),
          conv_norm(), dropout()}},
        {"embedding_bag",
         "Ids of tokens to vectors, the mean of these, then dense layers",
         {integer("vocabulary", {2, 1'000'000}, 10'000,
                  "ids are below it; 0 is padding and counts for nothing"),
          integer("width", {1, 4096}, 32, "of an id's vector"),
          sizes("hidden", {32}, "units of each hidden layer; []: none"), activation(), layer_norm(),
          dropout()}},
        {"autoencoder", "Through a short code back to the input, without labels", code_and_back()},
        vae(),
        spiking(),
        {"copula",
         "A Gaussian copula of a table, of which made-up rows are drawn; see \"Made-up rows\"",
         {integer("knots", {8, 512}, 64, "values at which the shares of each input are counted"),
          number(
              "range", {.min = 1.0, .max = 100.0, .below_max = true}, 6.0,
              "knots go so many standard deviations to both sides; values beyond count as there")}},
        {"torchscript",
         "A module of Python saved by torch.jit.script(...).save(...)",
         {path("file", std::nullopt, "the module; the path starts at the job file's folder")}}};
    const std::vector<PluginSchema> sequences = sequence_families();
    families.insert(families.end() - 5, sequences.begin(), sequences.end());
    return families;
  }();
  return kFamilies;
}

}  // namespace tributary
