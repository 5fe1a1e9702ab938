// SPDX-License-Identifier: Apache-2.0
#include "common/config/catalog.h"

namespace tributary {
namespace {

using Integers = std::vector<std::int64_t>;
using Texts = std::vector<std::string>;

OptionSchema integer(std::string name, IntegerRange range, std::int64_t fallback,
                     std::string help) {
  return {std::move(name), OptionType::kInteger, OptionValue{fallback}, std::move(help), range};
}
OptionSchema number(std::string name, NumberRange range, std::optional<double> fallback,
                    std::string help) {
  OptionSchema option{std::move(name), OptionType::kNumber, {}, std::move(help), {}, range};
  if (fallback) option.fallback = OptionValue{*fallback};
  return option;
}
OptionSchema flag(std::string name, bool fallback, std::string help) {
  return {std::move(name), OptionType::kFlag, OptionValue{fallback}, std::move(help)};
}
OptionSchema choice(std::string name, Texts choices, std::string fallback, std::string help) {
  return {std::move(name),
          OptionType::kChoice,
          OptionValue{std::move(fallback)},
          std::move(help),
          {},
          {},
          std::move(choices)};
}
OptionSchema sizes(std::string name, Integers fallback, std::string help) {
  return {std::move(name),
          OptionType::kIntegers,
          OptionValue{std::move(fallback)},
          std::move(help),
          {1, 1'000'000}};
}
OptionSchema path(std::string name, std::optional<std::string> fallback, std::string help) {
  OptionSchema option{std::move(name), OptionType::kPath, {}, std::move(help)};
  if (fallback) option.fallback = OptionValue{*std::move(fallback)};
  return option;
}
OptionSchema text(std::string name, std::string fallback, std::string help) {
  return {std::move(name), OptionType::kText, OptionValue{std::move(fallback)}, std::move(help)};
}
OptionSchema texts(std::string name, Texts fallback, std::string help) {
  return {std::move(name), OptionType::kTexts, OptionValue{std::move(fallback)}, std::move(help)};
}

constexpr NumberRange kPositive{.min = 0.0, .above_min = true};
constexpr NumberRange kNotNegative{.min = 0.0};
constexpr NumberRange kBelowOne{.min = 0.0, .max = 1.0, .below_max = true};

OptionSchema activation() {
  return choice("activation", {"relu", "tanh", "sigmoid", "gelu"}, "relu", "between layers");
}
OptionSchema dropout() {
  return number("dropout", kBelowOne, 0.0, "share of units left out in training");
}
OptionSchema rate(double fallback) {
  return number("learning_rate", kPositive, fallback, "step size");
}
OptionSchema decay(double fallback) {
  return number("weight_decay", kNotNegative, fallback, "L2 penalty");
}

std::vector<OptionSchema> adam_options(double weight_decay) {
  return {rate(0.001), number("beta1", kBelowOne, 0.9, "decay of the mean gradient"),
          number("beta2", kBelowOne, 0.999, "decay of the mean square"),
          number("epsilon", kPositive, 1e-8, "added to the root"), decay(weight_decay)};
}

}  // namespace

const std::vector<PluginSchema>& model_families() {
  static const std::vector<PluginSchema> kFamilies = {
      {"logistic", "One dense layer: logistic or linear regression", {}},
      {"mlp",
       "Dense layers",
       {sizes("hidden", {64}, "units of each hidden layer"), activation(), dropout()}},
      {"cnn",
       "Convolutions with pooling, then dense layers",
       {sizes("channels", {16, 32}, "of each convolution"),
        integer("kernel", {1, 31}, 3, "side of the filters"),
        integer("pool", {1, 8}, 2, "side of the maximum pooling; 1: none"),
        choice("padding", {"same", "valid"}, "same", "of the convolutions"),
        sizes("dense", {128}, "units of each dense layer"), activation(), dropout()}},
      {"torchscript",
       "A module of Python saved by torch.jit.script(...).save(...)",
       {path("file", std::nullopt, "path of the module")}}};
  return kFamilies;
}

const std::vector<PluginSchema>& client_algorithms() {
  static const std::vector<PluginSchema> kAlgorithms = {
      {"fedavg", "Local training as it is (McMahan et al. 2017)", {}},
      {"fedprox",
       "Pulls local weights to the global ones (Li et al. 2020)",
       {number("mu", kNotNegative, 0.01, "strength of the pull")}}};
  return kAlgorithms;
}

const std::vector<PluginSchema>& client_optimizers() {
  static const std::vector<PluginSchema> kOptimizers = {
      {"sgd",
       "Stochastic gradient descent",
       {rate(0.01), number("momentum", kBelowOne, 0.0, "share of the last step"), decay(0.0),
        flag("nesterov", false, "look ahead")}},
      {"adam", "Adam (Kingma and Ba 2015)", adam_options(0.0)},
      {"adamw", "Adam with decoupled decay (Loshchilov and Hutter 2019)", adam_options(0.01)}};
  return kOptimizers;
}

const std::vector<PluginSchema>& aggregation_rules() {
  static const std::vector<PluginSchema> kRules = {
      {"weighted_mean", "Mean of the updates, weighted by training rows up to example_cap", {}}};
  return kRules;
}

const std::vector<PluginSchema>& server_optimizers() {
  static const std::vector<PluginSchema> kOptimizers = {
      {"sgd", "weights += learning_rate * mean update", {rate(1.0)}},
      {"momentum",
       "Mean update with momentum beta (FedAvgM)",
       {rate(1.0), number("beta", kBelowOne, 0.9, "share of the last velocity")}}};
  return kOptimizers;
}

const std::vector<PluginSchema>& data_loaders() {
  static const std::vector<PluginSchema> kLoaders = {
      {"csv",
       "A table of text, one row a line",
       {path("path", std::nullopt, "of the file"),
        path("validation_path", "", "of a file of validation rows"),
        flag("header", true, "whether the first line names the columns"),
        texts("columns", {}, "names of the columns where there is no header"),
        text("delimiter", ",", "one character"),
        texts("missing", {"", "?", "NA", "NaN", "nan"}, "words that stand for a missing value")}},
      {"idx",
       "Arrays in the format of MNIST, .gz too",
       {path("images", std::nullopt, "of the inputs"),
        path("labels", std::nullopt, "of the labels"),
        path("validation_images", "", "of the validation inputs"),
        path("validation_labels", "", "of the validation labels")}},
      {"npz",
       "NumPy arrays in one .npz file",
       {path("path", std::nullopt, "of the file"), text("inputs", "inputs", "array of the inputs"),
        text("labels", "labels", "array of the labels"),
        text("validation_inputs", "", "array of validation inputs"),
        text("validation_labels", "", "array of validation labels")}}};
  return kLoaders;
}

}  // namespace tributary
