// SPDX-License-Identifier: Apache-2.0
#include "common/config/catalog_options.h"

namespace tributary {

using namespace catalog;

namespace {

OptionSchema decay(double fallback) {
  return number("weight_decay", kNotNegative, fallback,
                "pull of the weights to zero, against overfitting");
}

std::vector<OptionSchema> adam_options(double weight_decay) {
  return {rate(0.001), number("beta1", kBelowOne, 0.9, "memory of the mean gradient"),
          number("beta2", kBelowOne, 0.999, "memory of the mean square"),
          number("epsilon", kPositive, 1e-8, "added to the root of the mean square"),
          decay(weight_decay)};
}

}  // namespace

const std::vector<PluginSchema>& client_algorithms() {
  static const std::vector<PluginSchema> kAlgorithms = {
      {"fedavg", "Local training as it is (McMahan et al. 2017)", {}},
      {"fedprox",
       "Pulls local weights to the global ones (Li et al. 2020)",
       {number("mu", kNotNegative, 0.01, "strength of the pull; larger where sites are unlike")}},
      {"scaffold",
       "Takes out of each local step what is the site's own drift (Karimireddy et al. 2020)",
       {},
       {},
       {.server = true, .exact = true, .sgd = true}},
      {"fednova",
       "Sites that make more local steps than others count no more for it (Wang et al. 2020)",
       {},
       {},
       {.server = true, .exact = true, .sgd = true}},
      {"feddyn",
       "Moves each site's loss so that all sites have the same optimum (Acar et al. 2021)",
       {number("alpha", kPositive, 0.01, "strength of the pull to the global model")},
       {},
       {.server = true}}};
  return kAlgorithms;
}

const std::vector<PluginSchema>& client_optimizers() {
  static const std::vector<PluginSchema> kOptimizers = {
      {"sgd",
       "Stochastic gradient descent",
       {rate(0.01), number("momentum", kBelowOne, 0.0, "share of the last step that is kept"),
        decay(0.0), flag("nesterov", false, "looks a step ahead; only beside momentum")}},
      {"adam", "Adam (Kingma and Ba 2015)", adam_options(0.0)},
      {"adamw", "Adam with decoupled decay (Loshchilov and Hutter 2019)", adam_options(0.01)},
      {"rmsprop",
       "Steps by the root of the mean square of the gradient (Tieleman and Hinton 2012)",
       {rate(0.01), number("alpha", kBelowOne, 0.99, "memory of the mean square"),
        number("epsilon", kPositive, 1e-8, "added to the root of the mean square"),
        number("momentum", kBelowOne, 0.0, "share of the last step that is kept"), decay(0.0),
        flag("centered", false, "by the gradient's variance instead of its mean square")}}};
  return kOptimizers;
}

const std::vector<PluginSchema>& update_encodings() {
  const auto zstd = [] { return integer("zstd", {0, 19}, 0, "level of compression; 0: none"); };
  const auto scaled = [&](std::int64_t block) {
    return std::vector<OptionSchema>{
        integer("block", {16, 65'536}, block, "values under one scale; a power of two"), zstd()};
  };
  const auto sparse = [&] {
    return std::vector<OptionSchema>{
        number("ratio", {.min = 0.0, .max = 1.0, .above_min = true, .below_max = true}, 0.01,
               "share of the values that is sent"),
        integer("k", {0, 1'000'000'000}, 0, "the same as a number; 0: by ratio"), zstd()};
  };
  static const std::vector<PluginSchema> kEncodings = {
      {"fp32", "Every value as it is", {zstd()}},
      {"fp16", "Half precision: 11 significant bits, from 6e-8 to 65504", {zstd()}},
      {"bf16", "Half precision: 8 significant bits, the range of float32", {zstd()}},
      {"int8", "Whole numbers from -127 to 127 under one scale a block, rounded by chance",
       scaled(1024)},
      {"int4", "Whole numbers from -7 to 7 under one scale a block, rounded by chance",
       scaled(256)},
      {"top_k", "The k largest values, all others are zero", sparse()},
      {"random_k", "k values by chance, all others are zero", sparse()}};
  return kEncodings;
}

}  // namespace tributary
