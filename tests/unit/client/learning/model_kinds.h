// SPDX-License-Identifier: Apache-2.0
// A model of each built-in family for each kind of layer, rows that fit it, and the same model as
// Torch's interpreter runs its exported file, in double precision: what tests hold it against.
#pragma once

#include <gtest/gtest.h>

#include <cmath>

#include "client/learning/learner.h"
#include "client/learning/torch_model.h"
#include "common/base/random_source.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/script_module.h"

namespace tributary {

struct Kind {
  std::string name;
  const char* family;
  OptionMap options;
  std::vector<std::int64_t> shape;
  TargetKind target;
};

inline JobSpec job_of(const std::string& family, const OptionMap& options, TargetKind target) {
  JobSpec job;
  job.model = choose(model_families(), family, options);
  job.data.target = target;
  job.data.classes = 4;
  return job;
}
inline JobSpec job_of(const Kind& kind) {
  JobSpec job = job_of(kind.family, kind.options, kind.target);
  if (kind.target == TargetKind::kSegmentation)
    job.data.target_shape = {kind.shape[1], kind.shape[2]};
  if (kind.target == TargetKind::kTokens) {
    const auto source = job.model.options.find("source_length");
    const bool whole = source == job.model.options.end();
    job.data.target_shape = {kind.shape[0] - (whole ? 0 : std::get<std::int64_t>(source->second))};
  }
  return job;
}

inline void add_pictures(std::vector<Kind>& all) {
  using Sizes = std::vector<std::int64_t>;
  for (const std::int64_t kernel : {1, 2, 3}) {
    for (const char* padding : {"same", "valid"}) {
      all.push_back({"convolutions, kernel " + std::to_string(kernel) + ", " + padding,
                     "cnn",
                     {{"channels", Sizes{3, 2}},
                      {"dense", Sizes{5}},
                      {"kernel", kernel},
                      {"pool", std::int64_t{2}},
                      {"padding", std::string(padding)}},
                     {2, 12, 11},
                     TargetKind::kClasses});
    }
  }
  all.push_back({"residual blocks, plain and strided convolutions",
                 "resnet",
                 {{"width", std::int64_t{2}}},
                 {2, 8, 8},
                 TargetKind::kClasses});
  all.push_back({"a class for each pixel",
                 "unet",
                 {{"channels", Sizes{2, 3, 4}}},
                 {1, 8, 4},
                 TargetKind::kSegmentation});
  all.push_back({"a convolution with many weights and few places",
                 "cnn",
                 {{"channels", Sizes{2, 8, 9}}, {"dense", Sizes{}}, {"pool", std::int64_t{2}}},
                 {1, 9, 8},
                 TargetKind::kClasses});
  for (const std::int64_t groups : {1, 2, 4}) {  // of all channels, of some, of one: instance norm
    all.push_back({"group norm, groups: " + std::to_string(groups),
                   "cnn",
                   {{"channels", groups == 4 ? Sizes{4, 4} : Sizes{4, 6}},
                    {"dense", Sizes{5}},
                    {"norm", std::string("group")},
                    {"groups", groups},
                    {"activation", std::string("gelu")}},
                   {2, 9, 8},
                   TargetKind::kBinary});
  }
}

inline OptionMap small_attention(std::int64_t vocabulary, const char* positions) {
  return {{"vocabulary", vocabulary},           {"width", std::int64_t{6}},
          {"heads", std::int64_t{2}},           {"layers", std::int64_t{2}},
          {"feedforward", std::int64_t{5}},     {"dropout", 0.0},
          {"positions", std::string(positions)}};
}

inline void add_sequences(std::vector<Kind>& all) {
  const auto with = [](OptionMap options, const std::string& name, OptionValue value) {
    options[name] = std::move(value);
    return options;
  };
  const OptionMap learned = small_attention(7, "learned"), sines = small_attention(7, "sinusoidal");
  all.push_back({"attention over ids", "transformer", learned, {6}, TargetKind::kClasses});
  all.push_back({"attention over steps, sines, first place",
                 "transformer",
                 with(small_attention(0, "sinusoidal"), "pool", std::string("first")),
                 {5, 3},
                 TargetKind::kBinary});
  all.push_back({"attention, causal", "transformer", sines, {6}, TargetKind::kTokens});
  all.push_back({"encoder and decoder",
                 "translator",
                 with(learned, "source_length", std::int64_t{4}),
                 {9},
                 TargetKind::kTokens});
}

inline void add_codes(std::vector<Kind>& all) {
  using Sizes = std::vector<std::int64_t>;
  all.push_back({"autoencoder",
                 "autoencoder",
                 {{"hidden", Sizes{4}}, {"code", std::int64_t{2}}},
                 {5},
                 TargetKind::kUnlabelled});
  all.push_back({"autoencoder of pictures",
                 "autoencoder",
                 {{"channels", Sizes{2, 3}},
                  {"code", std::int64_t{2}},
                  {"activation", std::string("tanh")},
                  {"output", std::string("sigmoid")}},
                 {1, 4, 8},
                 TargetKind::kUnlabelled});
  for (const bool membrane : {true, false}) {
    all.push_back({std::string("spikes, ") + (membrane ? "membrane" : "count"),
                   "spiking",
                   {{"hidden", Sizes{6, 5}},
                    {"steps", std::int64_t{7}},
                    {"slope", 2.0},
                    {"surrogate", std::string(membrane ? "fast_sigmoid" : "arctan")},
                    {"output", std::string(membrane ? "membrane" : "spikes")}},
                   {5},
                   TargetKind::kClasses});
  }
}

// Those of which a row's gradient is not known without running the row by itself, or not at all.
inline std::vector<Kind> kinds_without_hooks() {
  using Sizes = std::vector<std::int64_t>;
  const OptionMap small = {{"hidden", std::int64_t{4}}, {"layers", std::int64_t{2}}};
  const auto with = [&small](OptionMap more) {
    more.insert(small.begin(), small.end());
    return more;
  };
  return {{"lstm over steps", "rnn", small, {5, 3}, TargetKind::kClasses},
          {"gru over ids, both ways",
           "rnn",
           with({{"cell", std::string("gru")},
                 {"bidirectional", true},
                 {"vocabulary", std::int64_t{7}},
                 {"width", std::int64_t{3}}}),
           {6},
           TargetKind::kBinary},
          {"lstm over steps, both ways",
           "rnn",
           with({{"bidirectional", true}}),
           {5, 3},
           TargetKind::kRegression},
          {"lstm, tokens",
           "rnn",
           with({{"vocabulary", std::int64_t{7}}, {"width", std::int64_t{3}}}),
           {6},
           TargetKind::kTokens},
          {"lstm over ids, last place",
           "rnn",
           with({{"vocabulary", std::int64_t{7}}, {"width", std::int64_t{3}}}),
           {6},
           TargetKind::kClasses},
          {"batch norm",
           "resnet",
           {{"width", std::int64_t{4}}, {"norm", std::string("batch")}},
           {1, 16, 16},
           TargetKind::kClasses},
          {"a code that is drawn",
           "vae",
           {{"hidden", Sizes{4}}, {"code", std::int64_t{2}}},
           {5},
           TargetKind::kUnlabelled}};
}

inline std::vector<Kind> kinds() {
  using Sizes = std::vector<std::int64_t>;
  const OptionMap::value_type layer_norm{"norm", std::string("layer")};
  const OptionMap::value_type few_ids{"vocabulary", std::int64_t{7}},
      narrow{"width", std::int64_t{3}};
  std::vector<Kind> all = {
      {"dense", "logistic", {}, {5}, TargetKind::kBinary},
      {"softmax", "logistic", {}, {5}, TargetKind::kClasses},
      {"regression", "mlp", {{"hidden", Sizes{6}}}, {5}, TargetKind::kRegression},
      {"images, dense", "mlp", {{"hidden", Sizes{7}}}, {2, 4, 3}, TargetKind::kClasses},
      {"layer norm", "mlp", {{"hidden", Sizes{8, 6}}, layer_norm}, {5}, TargetKind::kClasses},
      {"ids", "embedding_bag", {few_ids, narrow}, {9}, TargetKind::kBinary},
      {"ids, linear",
       "embedding_bag",
       {few_ids, narrow, {"hidden", Sizes{}}},
       {9},
       TargetKind::kRegression},
      {"ids, layer norm",
       "embedding_bag",
       {few_ids, narrow, layer_norm, {"hidden", Sizes{6, 4}}},
       {9},
       TargetKind::kClasses}};
  for (const char* activation : {"relu", "tanh", "sigmoid", "gelu"}) {
    all.push_back({activation,
                   "mlp",
                   {{"hidden", Sizes{8, 6}}, {"activation", std::string(activation)}},
                   {5},
                   TargetKind::kBinary});
  }
  add_pictures(all);
  add_sequences(all);
  add_codes(all);
  return all;
}

inline std::vector<Kind> all_kinds() {
  std::vector<Kind> all = kinds();
  for (const Kind& kind : kinds_without_hooks()) all.push_back(kind);
  return all;
}

// Whether inputs are ids.
inline bool reads_ids(const JobSpec& job) {
  const auto ids = job.model.options.find("vocabulary");
  return ids != job.model.options.end() && std::get<std::int64_t>(ids->second) > 0;
}

// Some rows that fit a model.
struct Rows {
  torch::Tensor inputs, targets;
  Rows some(std::int64_t at, std::int64_t count) const {
    return {inputs.narrow(0, at, count), targets.narrow(0, at, count)};
  }
};

// Ids come several times in a row, padding among them; places without a label too.
inline Rows rows_for(const JobSpec& job, std::vector<std::int64_t> shape, std::int64_t count) {
  SeededRandom random(8);
  const auto ids = job.model.options.find("vocabulary");
  shape.insert(shape.begin(), count);
  Rows rows{torch::empty(shape), torch::empty(batch_shape(count, job.data.target_shape))};
  for (float& value : values_of(rows.inputs)) {
    value = reads_ids(job) ? static_cast<float>(random.uniform_below(
                                 static_cast<std::uint64_t>(std::get<std::int64_t>(ids->second))))
                           : static_cast<float>(random.normal());
  }
  const TargetKind target = job.data.target;
  if (target == TargetKind::kUnlabelled) return {rows.inputs, rows.inputs.clone()};
  const bool classes = target == TargetKind::kClasses || labels_places(target);
  for (float& value : values_of(rows.targets)) {
    value = static_cast<float>(random.uniform_below(classes ? 4 : 2));
    if (labels_places(target) && random.uniform_below(4) == 0) value = -1.0F;
  }
  if (classes) rows.targets = rows.targets.to(torch::kInt64);
  return rows;
}

// Weights are off their initial values: a norm's of 1 and 0 would hide what forgets them.
inline TorchModelPtr model_of(const JobSpec& job, const std::vector<std::int64_t>& shape,
                              ByteView file = {}) {
  const auto model = build_model(job, shape, file);
  EXPECT_TRUE(model) << (model ? "" : model.error().message);
  (*model)->initialize(3);
  (*model)->set_training(true);
  if (!file.empty()) return *model;
  SeededRandom random(5);
  for (const NamedTensor& named : (*model)->tensors) {
    for (float& value : values_of(named.tensor)) value += static_cast<float>(0.1 * random.normal());
  }
  return *model;
}

// A TorchScript file with its weights in double precision, in the file's order.
class InDouble {
 public:
  explicit InDouble(ByteView file) : module_(module_in(file)) {
    module_.to(torch::kDouble);
    for (const torch::Tensor& weight : module_.parameters()) weights_.push_back(weight);
  }
  InDouble(TorchModel& model, const JobSpec& job, const std::vector<std::int64_t>& shape)
      : InDouble(exported(model, job, shape)) {}

  const std::vector<torch::Tensor>& weights() const { return weights_; }
  torch::Tensor forward(const torch::Tensor& inputs) {
    return module_.forward({inputs.to(torch::kDouble)}).toTensor();
  }

 private:
  static Bytes exported(TorchModel& model, const JobSpec& job,
                        const std::vector<std::int64_t>& shape) {
    Model values;
    for (const NamedTensor& named : model.tensors) {
      values.layout.tensors.push_back({named.name, named.tensor.sizes().vec()});
      const auto of = values_of(named.tensor);
      values.values.insert(values.values.end(), of.begin(), of.end());
    }
    return *export_torchscript(job, values, shape, {});
  }

  torch::jit::Module module_;
  std::vector<torch::Tensor> weights_;
};

}  // namespace tributary
