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
OptionSchema required_text(std::string name, std::string help) {
  return {std::move(name), OptionType::kText, {}, std::move(help)};
}
OptionSchema texts(std::string name, Texts fallback, std::string help) {
  return {std::move(name), OptionType::kTexts, OptionValue{std::move(fallback)}, std::move(help)};
}

constexpr NumberRange kPositive{.min = 0.0, .above_min = true};
constexpr NumberRange kNotNegative{.min = 0.0};
constexpr NumberRange kShare{.min = 0.0, .max = 1.0, .above_min = true, .below_max = true};
constexpr NumberRange kBelowOne{.min = 0.0, .max = 1.0, .below_max = true};

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
OptionSchema rate(double fallback) {
  return number("learning_rate", kPositive, fallback,
                "step size; smaller where the loss jumps, larger where it creeps");
}
OptionSchema decay(double fallback) {
  return number("weight_decay", kNotNegative, fallback,
                "pull of the weights to zero, against overfitting");
}

OptionSchema tau() {
  return number("tau", {.min = 1e-12, .max = 1.0, .below_max = true}, 0.001,
                "added to the root of the squares, which start at tau^2; larger: less adaptive");
}
OptionSchema warmup() {
  return integer("warmup", {0, limits::kRoundsMax}, 0,
                 "so many rounds first, with r / (warmup + 1) in round r");
}

// Defaults of the paper's experiments, but for the learning rate, which it tunes for each task.
std::vector<OptionSchema> moment_options() {
  return {rate(0.01), number("beta1", kBelowOne, 0.9, "memory of the mean update"),
          number("beta2", kBelowOne, 0.99, "memory of the mean square"), tau()};
}

// Fewer than half of the kUpdatesTogetherMax that a rule can see.
OptionSchema byzantine() {
  return integer("byzantine", {0, 255}, 1, "so many sites of a round may be faulty or hostile");
}
OptionSchema weighted(bool fallback) {
  return flag("weighted", fallback, "whether a site counts by its training rows up to example_cap");
}

std::vector<OptionSchema> adam_options(double weight_decay) {
  return {rate(0.001), number("beta1", kBelowOne, 0.9, "memory of the mean gradient"),
          number("beta2", kBelowOne, 0.999, "memory of the mean square"),
          number("epsilon", kPositive, 1e-8, "added to the root of the mean square"),
          decay(weight_decay)};
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
      {"torchscript",
       "A module of Python saved by torch.jit.script(...).save(...)",
       {path("file", std::nullopt, "the module; the path starts at the job file's folder")}}};
  return kFamilies;
}

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
      {"adamw", "Adam with decoupled decay (Loshchilov and Hutter 2019)", adam_options(0.01)}};
  return kOptimizers;
}

const std::vector<PluginSchema>& pre_aggregators() {
  static const std::vector<PluginSchema> kPreAggregators = {
      {"none", "The rule sees the updates as they came", {}},
      {"nearest_neighbour_mixing",
       "Each update becomes the mean of those nearest to it, all but byzantine of them (Allouah et "
       "al. 2023)",
       {byzantine()},
       {true, 2, 1}},
      {"bucketing",
       "Means of updates thrown together by lot (Karimireddy et al. 2022)",
       {integer("size", {1, static_cast<std::int64_t>(kUpdatesTogetherMax)}, 2,
                "updates in a bucket; the rule sees so many times fewer")},
       {true}}};
  return kPreAggregators;
}

const std::vector<PluginSchema>& aggregation_rules() {
  static const std::vector<PluginSchema> kRules = {
      {"weighted_mean", "Mean of the updates, weighted by training rows up to example_cap", {}},
      {"median", "Median of each weight (Yin et al. 2018)", {}, {true}},
      {"trimmed_mean",
       "Mean of each weight without the byzantine lowest and highest (Yin et al. 2018)",
       {byzantine()},
       {true, 2, 1}},
      {"meamed",
       "Mean of each weight over all but the byzantine farthest from its median (Xie et al. 2018)",
       {byzantine()},
       {true, 2, 1}},
      {"krum",
       "The one update with the nearest neighbours (Blanchard et al. 2017)",
       {byzantine()},
       {true, 2, 3}},
      {"multi_krum",
       "Mean of the updates with the nearest neighbours (Blanchard et al. 2017)",
       {byzantine(), integer("select", {0, static_cast<std::int64_t>(kUpdatesTogetherMax)}, 0,
                             "so many updates; 0: all but byzantine of them")},
       {true, 2, 3}},
      {"bulyan",
       "Krum again and again, then the mean near the median of each weight (El Mhamdi et al. 2018)",
       {byzantine()},
       {true, 4, 3}},
      {"geometric_median",
       "The point with the least sum of distances, RFA (Pillutla et al. 2022)",
       {integer("iterations", {1, 10'000}, 100,
                "of Weiszfeld's algorithm, which cost next to nothing"),
        number("smoothing", kPositive, 1e-6, "distances below it count as this long"),
        weighted(false)},
       {true}},
      {"centered_clipping",
       "Mean of the updates, each clipped to a ball around the mean so far (Karimireddy et al. "
       "2021)",
       {number("radius", kNotNegative, 0.0, "of the ball; 0: the median of the updates' norms"),
        integer("iterations", {1, 10'000}, 3, "times that the ball moves to the new mean")},
       {true}},
      {"norm_clipping",
       "Mean of the updates, longer ones shortened to a bound (Sun et al. 2019)",
       {number("bound", kNotNegative, 0.0, "of the norm; 0: the median of the updates' norms"),
        weighted(true)},
       {true}},
      {"qffl",
       "Sites with a larger loss count more, q-FedAvg (Li et al. 2020)",
       {number("q", kNotNegative, 1.0, "0: all count the same; larger: fairer"),
        number("learning_rate", kPositive, 0.01, "that of train.optimizer")},
       {true}},
      {"fltrust",
       "Mean of the updates, each weighted by its cosine to that of an evaluator with clean data, "
       "and as long (Cao et al. 2021)",
       {required_text("root", "name of that evaluator, which trains beside the sites")},
       {true, 0, 2}}};
  return kRules;
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

const std::vector<PluginSchema>& server_optimizers() {
  static const std::vector<PluginSchema> kOptimizers = {
      {"sgd", "weights += learning_rate * mean update", {rate(1.0)}},
      {"momentum",
       "Mean update with momentum beta (FedAvgM)",
       {rate(1.0), number("beta", kBelowOne, 0.9, "share of the last velocity that is kept")}},
      {"adam", "FedAdam (Reddi et al. 2021), without bias correction", moment_options()},
      {"yogi", "FedYogi (Reddi et al. 2021): as adam, but large steps come back slowly",
       moment_options()},
      {"adagrad", "FedAdagrad (Reddi et al. 2021): steps only become smaller", {rate(0.1), tau()}}};
  return kOptimizers;
}

const std::vector<PluginSchema>& learning_rate_schedules() {
  static const std::vector<PluginSchema> kSchedules = {
      {"constant", "1", {warmup()}},
      {"exponential",
       "decay^s",
       {number("decay", kShare, 0.99, "what each round leaves of the rate"), warmup()}},
      {"step",
       "decay^(s / every, rounded down)",
       {number("decay", kShare, 0.5, "what each stair leaves of the rate"),
        integer("every", {1, limits::kRoundsMax}, 10, "rounds from one stair to the next"),
        warmup()}},
      {"cosine",
       "minimum + (1 - minimum) * (1 + cos(pi * s / S)) / 2",
       {number("minimum", kBelowOne, 0.0, "the share of the rate at which it would end"),
        warmup()}}};
  return kSchedules;
}

const std::vector<PluginSchema>& data_loaders() {
  static const std::vector<PluginSchema> kLoaders = {
      {"csv",
       "A table of text, one row a line",
       {path("path", std::nullopt, "the file, plain or .gz"),
        path("validation_path", "", "a file of validation rows, instead of validation_fraction"),
        flag("header", true, "whether the first line names the columns"),
        texts("columns", {}, "their names where there is no header"),
        text("delimiter", ",", "one character, such as \";\" or \"\\t\""),
        texts("missing", {"", "?", "NA", "NaN", "nan"},
              "words for a missing value; blanks around a cell do not count")}},
      {"idx",
       "Arrays in the format of MNIST, .gz too",
       {path("images", std::nullopt, "file of the inputs"),
        path("labels", std::nullopt, "file of the labels"),
        path("validation_images", "", "file of validation inputs, instead of validation_fraction"),
        path("validation_labels", "", "file of validation labels")}},
      {"npz",
       "NumPy arrays in one .npz file",
       {path("path", std::nullopt, "of the file"), text("inputs", "inputs", "array of the inputs"),
        text("labels", "labels", "array of the labels"),
        text("validation_inputs", "", "array of validation inputs, instead of validation_fraction"),
        text("validation_labels", "", "array of validation labels")}}};
  return kLoaders;
}

}  // namespace tributary
