// SPDX-License-Identifier: Apache-2.0
// Models that start from weights of a file, of which parts are frozen or learn by low-rank
// adapters, against formulas written out here in float64. No Torch in this file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "common/tensor/safetensors.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Reals = std::vector<double>;
using Sizes = std::vector<std::int64_t>;

ExampleSet rows_of_classes(std::int64_t rows, std::int64_t features, std::uint64_t classes) {
  SeededRandom random(3);
  ExampleSet data{{features}, rows, {}, {}, {}};
  for (std::int64_t i = 0; i < rows * features; ++i)
    data.inputs.push_back(static_cast<float>(random.normal()));
  for (std::int64_t i = 0; i < rows; ++i)
    data.labels.push_back(static_cast<std::int64_t>(random.uniform_below(classes)));
  return data;
}

class Transfer : public testing::Test {
 protected:
  Transfer() {
    job_.data.target = TargetKind::kClasses;
    job_.data.classes = 4;
    job_.model = choose(model_families(), "mlp", {{"hidden", Sizes{6}}});
    job_.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 0.5}});
    job_.train.batch_size = 0;
  }
  Result<Model> initial() const { return initial_model(job_, {3}, file_); }
  Result<TrainOutput> trained(const Model& from) const {
    return train(TrainRequest{job_, 1, from, data_, 7, 1, {}, {}, file_});
  }
  static std::vector<std::string> names_of(const Model& model) {
    std::vector<std::string> names;
    for (const TensorInfo& tensor : model.layout.tensors) names.push_back(tensor.name);
    return names;
  }
  static std::vector<float> tensor(const Model& model, const std::string& name) {
    std::size_t at = 0;
    for (const TensorInfo& one : model.layout.tensors) {
      const std::size_t count = element_count(one);
      if (one.name == name)
        return {model.values.begin() + static_cast<std::ptrdiff_t>(at),
                model.values.begin() + static_cast<std::ptrdiff_t>(at + count)};
      at += count;
    }
    ADD_FAILURE() << "no tensor " << name;
    return {};
  }
  // A whole model of another seed as the file to start from.
  void start_from_another_seed() {
    JobSpec other = job_;
    other.seed = 99;
    other.transfer = {};
    start_ = *initial_model(other, {3}, {});
    file_ = encode_safetensors(start_);
    job_.transfer.start = true;
  }
  std::string refusal() const {
    const auto made = initial();
    return made ? std::string() : made.error().message;
  }

  JobSpec job_;
  ExampleSet data_ = rows_of_classes(40, 3, 4);
  Model start_;
  Bytes file_;
};

TEST_F(Transfer, AModelStartsFromTheFile) {
  start_from_another_seed();
  EXPECT_EQ(*initial(), start_);
}

TEST_F(Transfer, WhatIsFrozenNeitherTravelsNorMoves) {
  start_from_another_seed();
  const TrainOutput whole = *trained(start_);
  job_.transfer.freeze = {"hidden?.*"};
  const Model initial = *this->initial();
  EXPECT_THAT(names_of(initial), ElementsAre("output.weight", "output.bias"));
  EXPECT_EQ(tensor(initial, "output.weight"), tensor(start_, "output.weight"));
  const TrainOutput part = *trained(initial);
  EXPECT_EQ(tensor(part.update, "output.weight"), tensor(whole.update, "output.weight"))
      << "one step: what lies before is the same";
  EXPECT_EQ(tensor(part.update, "output.bias"), tensor(whole.update, "output.bias"));
  Model merged = start_;
  std::copy(initial.values.begin(), initial.values.end(),
            merged.values.end() - static_cast<std::ptrdiff_t>(initial.values.size()));
  JobSpec plain = job_;
  plain.transfer = {};
  EXPECT_EQ(*evaluate(job_, initial, data_, 1, file_), *evaluate(plain, merged, data_, 1, {}));
}

TEST_F(Transfer, WithoutAFileWhatIsFrozenFollowsFromTheSeed) {
  JobSpec plain = job_;
  const Model whole = *initial();
  job_.transfer.freeze = {"hidden1.weight"};
  const Model part = *initial();
  EXPECT_THAT(names_of(part), ElementsAre("hidden1.bias", "output.weight", "output.bias"));
  EXPECT_EQ(*evaluate(job_, part, data_, 1, {}), *evaluate(plain, whole, data_, 1, {}));
}

Reals real(const std::vector<float>& values) { return Reals(values.begin(), values.end()); }

// W + s B A in the place of W, and gradients of A and B by the chain rule.
TEST_F(Transfer, AdaptersHaveTheFormulaOfThePaper) {
  job_.model = {"logistic", {}};
  job_.train.epochs = 6;
  start_from_another_seed();
  job_.transfer.lora = LoraSpec{2, 6.0, {"*.weight"}};
  const double scale = 3.0;
  const Model initial = *this->initial();
  ASSERT_THAT(names_of(initial), ElementsAre("linear.lora_a", "linear.lora_b", "linear.bias"));
  EXPECT_EQ(initial.layout.tensors[0].shape, (Sizes{2, 3}));
  EXPECT_EQ(initial.layout.tensors[1].shape, (Sizes{4, 2}));
  EXPECT_THAT(tensor(initial, "linear.lora_b"), testing::Each(0.0F));
  EXPECT_EQ(tensor(initial, "linear.bias"), tensor(start_, "linear.bias"));
  const Reals base = real(tensor(start_, "linear.weight"));
  Reals a = real(tensor(initial, "linear.lora_a")), b = real(tensor(initial, "linear.lora_b")),
        bias = real(tensor(initial, "linear.bias"));
  for (int step = 0; step < 6; ++step) {
    Reals of_w(12, 0.0), of_bias(4, 0.0);
    for (std::size_t row = 0; row < 40; ++row) {
      Reals z = bias;
      double normal = 0.0;
      for (std::size_t o = 0; o < 4; ++o) {
        for (std::size_t i = 0; i < 3; ++i) {
          const double w = base[o * 3 + i] + scale * (b[o * 2] * a[i] + b[o * 2 + 1] * a[3 + i]);
          z[o] += w * static_cast<double>(data_.inputs[row * 3 + i]);
        }
        normal += std::exp(z[o]);
      }
      for (std::size_t o = 0; o < 4; ++o) {
        const double hit = data_.labels[row] == static_cast<std::int64_t>(o) ? 1.0 : 0.0;
        const double error = (std::exp(z[o]) / normal - hit) / 40.0;
        for (std::size_t i = 0; i < 3; ++i)
          of_w[o * 3 + i] += error * static_cast<double>(data_.inputs[row * 3 + i]);
        of_bias[o] += error;
      }
    }
    Reals of_a(6, 0.0), of_b(8, 0.0);
    for (std::size_t o = 0; o < 4; ++o) {
      for (std::size_t r = 0; r < 2; ++r) {
        for (std::size_t i = 0; i < 3; ++i) {
          of_a[r * 3 + i] += scale * b[o * 2 + r] * of_w[o * 3 + i];
          of_b[o * 2 + r] += scale * of_w[o * 3 + i] * a[r * 3 + i];
        }
      }
    }
    for (std::size_t i = 0; i < 6; ++i) a[i] -= 0.5 * of_a[i];
    for (std::size_t i = 0; i < 8; ++i) b[i] -= 0.5 * of_b[i];
    for (std::size_t i = 0; i < 4; ++i) bias[i] -= 0.5 * of_bias[i];
  }
  const auto trained = this->trained(initial);
  ASSERT_TRUE(trained) << trained.error().message;
  Reals wanted = a;
  wanted.insert(wanted.end(), b.begin(), b.end());
  wanted.insert(wanted.end(), bias.begin(), bias.end());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double got =
        static_cast<double>(initial.values[i]) + static_cast<double>(trained->update.values[i]);
    EXPECT_NEAR(got, wanted[i], 5e-6) << i;
  }
}

// Read back as a module of anybody: with the adapters in the weights.
TEST_F(Transfer, AnExportedModelIsWhole) {
  start_from_another_seed();
  job_.train.epochs = 5;
  job_.transfer.freeze = {"hidden1.bias"};
  job_.transfer.lora = LoraSpec{2, 4.0, {"hidden1.weight", "output.weight"}};
  Model model = *initial();
  const TrainOutput output = *trained(model);
  for (std::size_t i = 0; i < model.values.size(); ++i) model.values[i] += output.update.values[i];
  const auto module = export_torchscript(job_, model, {3}, file_);
  ASSERT_TRUE(module) << module.error().message;
  JobSpec script = job_;
  script.model = {"torchscript", {{"file", std::string("m.pt")}}};
  script.transfer = {};
  const Model whole = *initial_model(script, {3}, *module);
  EXPECT_THAT(names_of(whole),
              ElementsAre("hidden1.weight", "hidden1.bias", "output.weight", "output.bias"));
  EXPECT_EQ(tensor(whole, "hidden1.bias"), tensor(start_, "hidden1.bias"));
  EXPECT_NE(tensor(whole, "hidden1.weight"), tensor(start_, "hidden1.weight"));
  EXPECT_EQ(*evaluate(script, whole, data_, 1, *module), *evaluate(job_, model, data_, 1, file_));
}

// Of a module of others the weights stand in slots that code reads.
TEST_F(Transfer, AdaptersGoIntoAModulesWeightsToo) {
  const JobSpec plain = job_;
  const Model built = *initial();
  const Bytes module = *export_torchscript(plain, built, {3}, {});
  job_.transfer.lora = LoraSpec{2, 4.0, {"hidden1.weight"}};
  job_.train.epochs = 4;
  const Model of_ours = *initial();
  const TrainOutput ours = *trained(of_ours);
  job_.model = {"torchscript", {{"file", std::string("m.pt")}}};
  file_ = module;
  Model of_module = *initial();
  ASSERT_EQ(of_module.layout, of_ours.layout);
  ASSERT_EQ(of_module.values, of_ours.values);
  const auto theirs = trained(of_module);
  ASSERT_TRUE(theirs) << theirs.error().message;
  for (std::size_t i = 0; i < ours.update.values.size(); ++i)
    EXPECT_NEAR(theirs->update.values[i], ours.update.values[i], 1e-6F) << i;
}

TEST_F(Transfer, AnUpdateOfAdaptersIsAFractionOfTheWhole) {
  job_.model = choose(model_families(), "mlp", {{"hidden", Sizes{256, 256}}});
  data_ = rows_of_classes(8, 200, 4);
  const Model whole = *initial_model(job_, {200}, {});
  job_.transfer.freeze = {"*.bias"};
  job_.transfer.lora = LoraSpec{4, 8.0, {"*.weight"}};
  const Model part = *initial_model(job_, {200}, {});
  // 4 (200 + 256) + 4 (256 + 256) + 4 (256 + 4) of 118,020.
  EXPECT_EQ(part.values.size(), 4912u);
  EXPECT_EQ(whole.values.size(), 118'276u);
  EXPECT_LT(20 * encode_safetensors(part).size(), encode_safetensors(whole).size());
}

// By heart: labels without sense. Frozen layers alone cannot, adapters of full rank can.
TEST_F(Transfer, AdaptersOfFullRankLearnWhatAllWeightsLearn) {
  job_.model = choose(model_families(), "mlp", {{"hidden", Sizes{32}}});
  job_.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.02}});
  job_.train.epochs = 400;
  data_ = rows_of_classes(24, 3, 4);
  const auto accuracy = [this](const TransferSpec& transfer) {
    job_.transfer = transfer;
    Model model = *initial();
    const TrainOutput output = *trained(model);
    for (std::size_t i = 0; i < model.values.size(); ++i)
      model.values[i] += output.update.values[i];
    return *figures_of(*evaluate(job_, model, data_, 1, {})).accuracy;
  };
  EXPECT_EQ(accuracy({}), 1.0);
  EXPECT_EQ(accuracy({false, {"*.bias"}, LoraSpec{4, 8.0, {"*.weight"}}}), 1.0);
  EXPECT_LT(accuracy({false, {"hidden1.*", "output.weight"}, {}}), 0.7);
}

TEST_F(Transfer, ANewHeadIsTrainedFromTheBeginning) {
  start_from_another_seed();
  job_.data.classes = 2;  // two outputs instead of four
  data_ = rows_of_classes(40, 3, 2);
  const Model model = *initial();
  EXPECT_EQ(tensor(model, "hidden1.weight"), tensor(start_, "hidden1.weight"));
  JobSpec plain = job_;
  plain.transfer = {};
  EXPECT_EQ(tensor(model, "output.weight"),
            tensor(*initial_model(plain, {3}, {}), "output.weight"));
  job_.transfer.freeze = {"output.*"};
  EXPECT_THAT(refusal(), HasSubstr("another shape for 'output.weight', which is not trained"));
}

TEST_F(Transfer, WhatFitsNothingIsRefused) {
  start_from_another_seed();
  job_.transfer.freeze = {"conv*"};
  EXPECT_THAT(refusal(), HasSubstr("transfer.freeze: the model has no tensor 'conv*'"));
  job_.transfer.freeze = {"*"};
  EXPECT_THAT(refusal(), HasSubstr("no tensor of the model is left to train"));
  job_.transfer.freeze.clear();
  job_.transfer.lora = LoraSpec{2, 4.0, {"*.bias"}};
  EXPECT_THAT(refusal(), HasSubstr("no weight of two dimensions named '*.bias'"));
  job_.transfer.lora.reset();
  file_ = encode_safetensors(Model{{{{"body.weight", {1}}}}, {1.0F}});
  EXPECT_THAT(refusal(), HasSubstr("no tensor of the file has name and shape"));
  job_.transfer.freeze = {"hidden1.weight"};
  EXPECT_THAT(refusal(), HasSubstr("lacks 'hidden1.weight', which is not trained"));
  file_ = Bytes(100, std::byte{1});
  EXPECT_THAT(refusal(), HasSubstr("is no safetensors file"));
}

// Row by row, since nobody tells what a wrapped layer took.
TEST_F(Transfer, RecordsAreKeptPrivateInWhatIsTrained) {
  start_from_another_seed();
  job_.transfer.freeze = {"hidden1.*"};
  job_.transfer.lora = LoraSpec{2, 4.0, {"output.weight"}};
  const Model model = *initial();
  const TrainOutput plain = *trained(model);
  job_.privacy.records =
      RecordPrivacy{.clip = 1000.0, .noise_multiplier = 1e-5, .delta = 1e-6, .max_epsilon = 1e9};
  const auto noisy = trained(model);
  ASSERT_TRUE(noisy) << noisy.error().message;
  double most = 0.0;
  for (std::size_t i = 0; i < model.values.size(); ++i) {
    EXPECT_NEAR(noisy->update.values[i], plain.update.values[i], 2e-3F) << i;
    most = std::max(most, std::abs(static_cast<double>(plain.update.values[i])));
  }
  EXPECT_GT(most, 0.02) << "or there is nothing to see";
}

}  // namespace
}  // namespace tributary
