// SPDX-License-Identifier: Apache-2.0
// What a layer gives, against its formula written out in float64; and that the three ways to run a
// model (training, traced for gradients of rows, exported) compute the same.
#include "client/learning/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/storage/script_archive.h"
#include "tests/unit/client/learning/model_kinds.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Sizes = std::vector<std::int64_t>;

double largest(const torch::Tensor& tensor) { return tensor.abs().max().item<double>(); }

TEST(Layers, AModelIsTheSameInTrainingTracedAndExported) {
  for (const Kind& kind : all_kinds()) {
    SCOPED_TRACE(kind.name);
    const JobSpec job = job_of(kind);
    const TorchModelPtr model = model_of(job, kind.shape);
    model->set_training(false);
    InDouble exported(*model, job, kind.shape);
    const Rows rows = rows_for(job, kind.shape, 5);
    const torch::Tensor expected = exported.forward(rows.inputs);
    std::vector<LayerUse> uses;
    const torch::Tensor traced = model->forward_traced(rows.inputs, uses);
    if (traced.defined()) {
      EXPECT_LT(largest(traced - expected), 1e-12);
    }
    const bool hooked =
        std::ranges::any_of(kinds(), [&](const Kind& other) { return other.name == kind.name; });
    EXPECT_TRUE(traced.defined() || !hooked);
    const double near = 1e-5 * std::max(1.0, largest(expected));  // in single precision
    EXPECT_LT(largest(model->forward(rows.inputs) - expected), near);
    EXPECT_LT(largest(model->forward_alone(rows.inputs, 1) - expected), near);
  }
}

// A file of ours is code for others: it passes the gate for theirs.
TEST(Layers, AnExportedModelTrainsAsAModule) {
  for (const Kind& kind : all_kinds()) {
    SCOPED_TRACE(kind.name);
    const JobSpec job = job_of(kind);
    const Model initial = *initial_model(job, kind.shape, {});
    const Bytes file = *export_torchscript(job, initial, kind.shape, {});
    const Status submitted = check_script(file);
    EXPECT_TRUE(submitted) << (submitted ? "" : submitted.error().message);
    JobSpec scripted = job;
    scripted.model = {"torchscript", {}};
    const auto loaded = initial_model(scripted, kind.shape, file);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->layout, initial.layout);
    EXPECT_EQ(loaded->values, initial.values);
  }
}

// The tensors of a model in float64, by name.
std::vector<double> weights_of(const TorchModel& model, const std::string& name) {
  for (const NamedTensor& named : model.tensors) {
    if (named.name != name) continue;
    const auto values = values_of(named.tensor);
    return {values.begin(), values.end()};
  }
  ADD_FAILURE() << "there is no tensor " << name;
  return {};
}

// outputs = weight * inputs + bias
std::vector<double> dense(const TorchModel& model, const std::string& name,
                          const std::vector<double>& inputs) {
  const auto weight = weights_of(model, name + ".weight"), bias = weights_of(model, name + ".bias");
  std::vector<double> outputs = bias;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    for (std::size_t k = 0; k < inputs.size(); ++k)
      outputs[i] += weight[i * inputs.size() + k] * inputs[k];
  }
  return outputs;
}

// `places` of each channel side by side; mean and variance over `together` channels.
std::vector<double> normalised(const TorchModel& model, const std::string& name,
                               std::vector<double> x, std::size_t places, std::size_t together) {
  const auto weight = weights_of(model, name + ".weight"), bias = weights_of(model, name + ".bias");
  const std::size_t size = places * together;
  for (std::size_t begin = 0; begin < x.size(); begin += size) {
    double mean = 0, variance = 0;
    for (std::size_t i = begin; i < begin + size; ++i) mean += x[i] / static_cast<double>(size);
    for (std::size_t i = begin; i < begin + size; ++i)
      variance += (x[i] - mean) * (x[i] - mean) / static_cast<double>(size);
    for (std::size_t i = begin; i < begin + size; ++i)
      x[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i / places] + bias[i / places];
  }
  return x;
}

std::vector<double> relu(std::vector<double> x) {
  for (double& value : x) value = std::max(value, 0.0);
  return x;
}

void expect_row(TorchModel& model, const torch::Tensor& inputs,
                const std::vector<double>& expected) {
  const torch::Tensor outputs = model.forward(inputs);
  ASSERT_EQ(outputs.numel(), static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(static_cast<double>(values_of(outputs)[i]), expected[i], 1e-5);
}

std::vector<double> in_float64(const torch::Tensor& inputs) {
  const auto values = values_of(inputs);
  return {values.begin(), values.end()};
}

TEST(Layers, LayerNormIsItsFormula) {
  const JobSpec job =
      job_of("mlp", {{"hidden", Sizes{6}}, {"norm", std::string("layer")}}, TargetKind::kClasses);
  const TorchModelPtr model = model_of(job, {5});
  const Rows row = rows_for(job, {5}, 1);
  const auto hidden = dense(*model, "hidden1", in_float64(row.inputs));
  expect_row(*model, row.inputs,
             dense(*model, "output", relu(normalised(*model, "hidden1_norm", hidden, 1, 6))));
}

TEST(Layers, GroupNormIsItsFormula) {
  for (const std::int64_t groups : {1, 3, 6}) {
    const JobSpec job = job_of("cnn",
                               {{"channels", Sizes{6}},
                                {"kernel", std::int64_t{1}},
                                {"pool", std::int64_t{1}},
                                {"dense", Sizes{}},
                                {"norm", std::string("group")},
                                {"groups", groups}},
                               TargetKind::kClasses);
    const TorchModelPtr model = model_of(job, {2, 3, 3});
    const Rows row = rows_for(job, {2, 3, 3}, 1);
    const auto pixels = in_float64(row.inputs);
    std::vector<double> pictures(6 * 9);
    for (std::size_t place = 0; place < 9; ++place) {
      const auto channels = dense(*model, "conv1", {pixels[place], pixels[9 + place]});
      for (std::size_t k = 0; k < 6; ++k) pictures[k * 9 + place] = channels[k];
    }
    const auto together = static_cast<std::size_t>(6 / groups);
    expect_row(
        *model, row.inputs,
        dense(*model, "output", relu(normalised(*model, "conv1_norm", pictures, 9, together))));
  }
}

TEST(Layers, AnEmbeddingBagIsTheMeanOfTheVectorsThatAreNoPadding) {
  const JobSpec job =
      job_of("embedding_bag",
             {{"vocabulary", std::int64_t{7}}, {"width", std::int64_t{3}}, {"hidden", Sizes{}}},
             TargetKind::kClasses);
  const TorchModelPtr model = model_of(job, {6});
  const auto vectors = weights_of(*model, "embedding.weight");
  const auto mean_of = [&](const std::vector<std::size_t>& ids) {
    std::vector<double> mean(3, 0.0);
    for (const std::size_t id : ids) {
      for (std::size_t k = 0; k < 3; ++k)
        mean[k] += vectors[id * 3 + k] / static_cast<double>(ids.size());
    }
    return mean;
  };
  expect_row(*model, torch::tensor({2.F, 6.F, 2.F, 0.F, 1.F, 0.F}).unsqueeze(0),
             dense(*model, "output", mean_of({2, 6, 2, 1})));
  expect_row(*model, torch::tensor({0.F, 0.F, 0.F, 0.F, 0.F, 5.F}).unsqueeze(0),
             dense(*model, "output", mean_of({5})));
  expect_row(*model, torch::zeros({1, 6}), dense(*model, "output", {0, 0, 0}));
}

TEST(Layers, TensorsAreNamedByTheirLayer) {
  const auto names_of = [](const JobSpec& job, const Sizes& shape) {
    std::vector<std::string> names;
    const Model model = *initial_model(job, shape, {});
    for (const TensorInfo& tensor : model.layout.tensors) names.push_back(tensor.name);
    return names;
  };
  EXPECT_THAT(names_of(job_of("mlp", {{"norm", std::string("layer")}}, TargetKind::kBinary), {3}),
              ElementsAre("hidden1.weight", "hidden1.bias", "hidden1_norm.weight",
                          "hidden1_norm.bias", "output.weight", "output.bias"));
  EXPECT_THAT(
      names_of(job_of("cnn",
                      {{"norm", std::string("group")}, {"channels", Sizes{8}}, {"dense", Sizes{}}},
                      TargetKind::kBinary),
               {1, 4, 4}),
      ElementsAre("conv1.weight", "conv1.bias", "conv1_norm.weight", "conv1_norm.bias",
                  "output.weight", "output.bias"));
  EXPECT_THAT(names_of(job_of("embedding_bag", {{"hidden", Sizes{}}}, TargetKind::kBinary), {4}),
              ElementsAre("embedding.weight", "output.weight", "output.bias"));
}

TEST(Layers, GroupsThatDoNotDivideTheChannelsAreRefused) {
  const JobSpec job = job_of("cnn", {{"norm", std::string("group")}, {"groups", std::int64_t{5}}},
                             TargetKind::kBinary);
  const auto refused = initial_model(job, {1, 8, 8}, {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              HasSubstr("groups: 5 does not divide the 16 channels of conv1"));
}

}  // namespace
}  // namespace tributary
