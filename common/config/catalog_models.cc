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

}  // namespace

const std::vector<PluginSchema>& model_families() {
  static const std::vector<PluginSchema> kFamilies = {
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
      {"embedding_bag",
       "Ids of tokens to vectors, the mean of these, then dense layers",
       {integer("vocabulary", {2, 1'000'000}, 10'000,
                "ids are below it; 0 is padding and counts for nothing"),
        integer("width", {1, 4096}, 32, "of an id's vector"),
        sizes("hidden", {32}, "units of each hidden layer; []: none"), activation(), layer_norm(),
        dropout()}},
      {"copula",
       "A Gaussian copula of a table, of which made-up rows are drawn; see \"Made-up rows\"",
       {integer("knots", {8, 512}, 64, "values at which the shares of each input are counted"),
        number(
            "range", {.min = 1.0, .max = 100.0, .below_max = true}, 6.0,
            "knots go so many standard deviations to both sides; values beyond count as there")}},
      {"torchscript",
       "A module of Python saved by torch.jit.script(...).save(...)",
       {path("file", std::nullopt, "the module; the path starts at the job file's folder")}}};
  return kFamilies;
}

}  // namespace tributary
