// SPDX-License-Identifier: Apache-2.0
// A training that was cut off goes on in fresh objects, from bytes only, and comes to the same bits
// as one that was not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include "client/learning/learner.h"
#include "common/base/random_source.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/script_module.h"

namespace tributary {
namespace {

using Sizes = std::vector<std::int64_t>;

ExampleSet examples(Sizes shape, std::int64_t rows) {
  SeededRandom random(4);
  std::int64_t features = 1;
  for (const std::int64_t size : shape) features *= size;
  ExampleSet data{std::move(shape), rows, {}, {}, {}};
  for (std::int64_t i = 0; i < rows * features; ++i)
    data.inputs.push_back(static_cast<float>(random.normal()));
  for (std::int64_t i = 0; i < rows; ++i)
    data.labels.push_back(static_cast<std::int64_t>(random.uniform_below(2)));
  return data;
}

class Resume : public testing::Test {
 protected:
  Resume() {
    job_.train.batch_size = 8;  // of 50 rows: the last batch of each of the three epochs has two
    job_.train.epochs = 3;
    job_.model = choose(model_families(), "mlp", {{"hidden", Sizes{6}}, {"dropout", 0.4}});
    job_.train.optimizer = choose(client_optimizers(), "adamw", {});
  }
  TrainRequest request() const {
    TrainRequest made{job_, 1, global_, data_, 7, 1, {}, {}, module_};
    if (job_.train.local_stop) made.validation = &validation_;
    return made;
  }
  // What a training leaves that is stopped after so many batches; it starts from `earlier`.
  TrainingState cut_off(std::uint64_t batches, const std::optional<TrainingState>& earlier = {}) {
    TrainRequest request = this->request();
    std::uint64_t now = 0;
    std::optional<TrainingState> left;
    request.progress = [&](std::uint64_t done, std::uint64_t) { now = done; };
    request.resume = [&] { return earlier; };
    request.should_stop = [&] { return now == batches; };
    request.checkpoint_due = [&] { return now == batches; };
    request.checkpoint = [&](Result<TrainingState> state) {
      EXPECT_TRUE(state) << state.error().message;
      left = *std::move(state);
    };
    const auto stopped = train(request);
    EXPECT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled) << stopped.error().message;
    EXPECT_EQ(left->batches, batches);
    return *left;
  }
  Result<TrainOutput> go_on(const TrainingState& from) {
    TrainRequest request = this->request();
    request.resume = [&] { return std::optional(from); };
    return train(request);
  }
  void expect_same_bits() {
    global_ = *initial_model(job_, data_.input_shape, module_);
    const TrainOutput whole = *train(request());
    ASSERT_EQ(whole.batches, 21u);
    const auto expect_whole = [&whole](const Result<TrainOutput>& trained) {
      ASSERT_TRUE(trained) << trained.error().message;
      EXPECT_EQ(trained->update, whole.update);
      EXPECT_EQ(trained->train_loss, whole.train_loss);
      EXPECT_EQ(trained->update_norm, whole.update_norm);
      EXPECT_EQ(trained->batches, whole.batches);
      EXPECT_EQ(trained->kept_batches, whole.kept_batches);
      EXPECT_EQ(trained->kept_loss, whole.kept_loss);
    };
    // In the first epoch, at its end, after the short batch, in the last, before the last batch.
    for (const std::uint64_t batches : {1u, 6u, 7u, 15u, 20u}) {
      SCOPED_TRACE(batches);
      expect_whole(go_on(cut_off(batches)));
    }
    expect_whole(go_on(cut_off(18, cut_off(9, cut_off(2)))));
  }

  JobSpec job_;
  ExampleSet data_ = examples({3}, 50);
  ExampleSet validation_ = examples({3}, 20);
  Model global_;
  Bytes module_;
};

// The best pass so far, and how long ago it was, are part of where a training stands.
TEST_F(Resume, ATrainingThatStopsByItsValidationRows) {
  job_.train.local_stop.emplace().patience = 3;
  job_.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 2.0}});
  expect_same_bits();
}

TEST_F(Resume, EachOptimizerKeepsWhatItHasGathered) {
  const std::vector<PluginChoice> optimizers = {
      choose(client_optimizers(), "sgd", {{"learning_rate", 0.1}}),
      choose(client_optimizers(), "sgd", {{"learning_rate", 0.1}, {"momentum", 0.9}}),
      choose(client_optimizers(), "sgd",
             {{"learning_rate", 0.1}, {"momentum", 0.5}, {"nesterov", true}}),
      choose(client_optimizers(), "adam", {{"weight_decay", 0.1}}),
      choose(client_optimizers(), "adamw", {{"learning_rate", 0.01}}),
      choose(client_optimizers(), "rmsprop", {{"momentum", 0.5}, {"centered", true}})};
  for (const PluginChoice& optimizer : optimizers) {
    SCOPED_TRACE(optimizer.name);
    job_.train.optimizer = optimizer;
    expect_same_bits();
  }
}

TEST_F(Resume, AConvolutionalNetworkOfClassesWithDropoutAndFedProx) {
  job_.data.target = TargetKind::kClasses;
  job_.data.classes = 2;
  job_.data.input_shape = {1, 8, 8};
  job_.model = choose(model_families(), "cnn",
                      {{"channels", Sizes{3}}, {"dense", Sizes{5}}, {"dropout", 0.25}});
  job_.train.algorithm = choose(client_algorithms(), "fedprox", {{"mu", 0.3}});
  data_ = examples({1, 8, 8}, 50);
  expect_same_bits();
}

TEST_F(Resume, AModelWithAdaptersAndFrozenParts) {
  job_.transfer.freeze = {"hidden1.bias"};
  job_.transfer.lora = LoraSpec{2, 4.0, {"hidden1.weight"}};
  expect_same_bits();
}

// What is drawn for a row follows from its place in the training, not from what was drawn before.
TEST_F(Resume, AugmentedRowsAreChangedAsTheyWouldHaveBeen) {
  job_.train.augment = {choose(augmentations(), "noise", {{"deviation", 0.5}}),
                        choose(augmentations(), "mixup", {{"alpha", 0.4}})};
  expect_same_bits();
}

TEST_F(Resume, RowsOfSmoteAreMadeAnew) {
  job_.train.augment = {choose(augmentations(), "smote")};
  std::ranges::fill(data_.labels, 0);
  for (std::size_t i = 0; i < 25; ++i) data_.labels[i] = 1;
  for (std::size_t i = 0; i < 2; ++i) data_.labels[i] = 0;  // 27 and 23: 54 rows in the end
  expect_same_bits();
}

TEST_F(Resume, WhatObjectivesDrawFollowsFromThePlaceToo) {
  job_.data.target = TargetKind::kUnlabelled;
  job_.data.input_shape = {3};
  data_.labels.clear();
  job_.train.augment = {choose(augmentations(), "noise", {{"deviation", 0.5}})};
  for (const PluginChoice& objective :
       {choose(training_objectives(), "masked"),
        choose(training_objectives(), "reconstruction", {{"deviation", 0.5}}),
        choose(training_objectives(), "contrastive", {{"width", std::int64_t{4}}})}) {
    SCOPED_TRACE(objective.name);
    job_.train.objective = objective;
    expect_same_bits();
  }
}

// Batch statistics, dropout within layers, and a code that is drawn.
TEST_F(Resume, FamiliesThatKeepOrDrawMoreThanWeights) {
  job_.train.optimizer = choose(client_optimizers(), "adam", {});
  job_.data.target = TargetKind::kClasses;
  data_ = examples({1, 8, 8}, 50);
  job_.model = choose(model_families(), "resnet",
                      {{"width", std::int64_t{2}}, {"norm", std::string("batch")}});
  expect_same_bits();
  data_ = examples({5, 2}, 50);
  job_.model = choose(model_families(), "rnn",
                      {{"hidden", std::int64_t{4}}, {"layers", std::int64_t{2}}, {"dropout", 0.3}});
  expect_same_bits();
  job_.model = choose(model_families(), "transformer",
                      {{"width", std::int64_t{4}}, {"feedforward", std::int64_t{4}}});
  expect_same_bits();
  job_.data.target = TargetKind::kUnlabelled;
  job_.model = choose(model_families(), "vae", {{"hidden", Sizes{4}}, {"code", std::int64_t{2}}});
  expect_same_bits();
}

// Dropout from the global generator, batch statistics, and what such a module may keep besides: a
// buffer of integers and a buffer that it replaces, and a plain number.
Bytes module_file() {
  torch::manual_seed(1);
  torch::jit::Module module("Kept");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_parameter("weight", torch::randn({1, 3}).requires_grad_(), false);
  module.register_parameter("gain", torch::ones({3}).requires_grad_(), false);
  module.register_buffer("mean", torch::zeros({3}));
  module.register_buffer("var", torch::ones({3}));
  module.register_buffer("trend", torch::zeros({3}));
  module.register_buffer("seen", torch::zeros({}, torch::kInt64));
  module.register_attribute("calls", c10::IntType::get(), 0);
  module.define(R"(
    def forward(self, x):
        x = torch.batch_norm(x, self.gain, None, self.mean, self.var, self.training, 0.1, 1e-5, False)
        if self.training:
            self.trend = self.trend * 0.5 + torch.detach(x)[0] * 0.5
            self.seen = self.seen + 1
            self.calls = self.calls + 2
        x = torch.dropout(x, 0.4, self.training) + self.trend
        return torch.linear(x, self.weight) * (self.seen + self.calls)
)");
  return file_of(module);
}

TEST_F(Resume, AModuleOfPythonWithAllThatItKeepsForItself) {
  module_ = module_file();
  job_.model = {"torchscript", {{"file", std::string("module.pt")}}};
  expect_same_bits();
  // A buffer travels although forward() puts a new tensor in its place.
  const Model update = train(request())->update;
  ASSERT_EQ(update.layout.tensors.back().name, "trend");
  EXPECT_NE(update.values.back(), 0.0f);
}

// Such a buffer does not travel, and after a restart the module would no longer be the job's.
TEST_F(Resume, AModuleWhoseBufferChangesItsShapeStartsAnew) {
  torch::jit::Module module("Grows");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_parameter("weight", torch::ones({1, 3}).requires_grad_(), false);
  module.register_buffer("past", torch::zeros({1}));
  module.define(R"(
    def forward(self, x):
        if self.training:
            self.past = torch.cat([self.past, torch.detach(x)[0]])
        return torch.linear(x, self.weight) * self.past.size(0)
)");
  module_ = file_of(module);
  job_.model = {"torchscript", {{"file", std::string("module.pt")}}};
  global_ = *initial_model(job_, data_.input_shape, module_);
  const auto whole = train(request());
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_NE(whole->update.values[0], 0.0f);
  EXPECT_EQ(whole->update.values.back(), 0.0f);
  const auto resumed = go_on(cut_off(4));
  ASSERT_FALSE(resumed);
  EXPECT_EQ(resumed.error().code, ErrorCode::kDataLoss);
}

TEST_F(Resume, AStateThatDoesNotFitIsRefusedAndTrainsNothing) {
  global_ = *initial_model(job_, data_.input_shape, module_);
  const TrainingState state = cut_off(10);
  const auto refused = [this](const TrainingState& other) {
    const auto trained = go_on(other);
    return !trained && trained.error().code == ErrorCode::kDataLoss;
  };
  for (std::size_t size = 0; size < state.bytes.size(); size += 97) {
    TrainingState cut = state;
    cut.bytes.resize(size);
    EXPECT_TRUE(refused(cut)) << size;
  }
  TrainingState longer = state;
  longer.bytes.push_back(std::byte{0});
  EXPECT_TRUE(refused(longer));
  TrainingState late = state;
  late.batches = late.total + 1;
  EXPECT_TRUE(refused(late));
  TrainingState other_length = state;
  ++other_length.total;
  EXPECT_TRUE(refused(other_length));
  job_.model.options["hidden"] = Sizes{7};
  global_ = *initial_model(job_, data_.input_shape, module_);
  EXPECT_TRUE(refused(state)) << "of another model";
  module_ = module_file();
  job_.model = {"torchscript", {{"file", std::string("module.pt")}}};
  global_ = *initial_model(job_, data_.input_shape, module_);
  EXPECT_TRUE(refused(state)) << "no module: what Torch throws is no fault of the training";
}

}  // namespace
}  // namespace tributary
