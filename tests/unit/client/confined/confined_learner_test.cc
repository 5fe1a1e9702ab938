// SPDX-License-Identifier: Apache-2.0
// A module that is trained in a confined process gives the bits that it gives in this one. The
// program of these tests is the confined process too.
#include "client/confined/confined_learner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "client/confined/worker.h"
#include "common/base/random_source.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/script_module.h"
#include "tests/unit/client/confined/unchecked.h"

namespace tributary {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMemory = 1u << 30;

// Convolution, batch statistics and dropout: what depends on the processor, on state, on chance.
Bytes module_file() {
  torch::manual_seed(1);
  torch::jit::Module module("__torch__.Network");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_parameter("filters", torch::randn({4, 1, 3, 3}).requires_grad_(), false);
  module.register_parameter("gain", torch::ones({4}).requires_grad_(), false);
  module.register_parameter("weight", torch::randn({1, 144}).requires_grad_(), false);
  module.register_buffer("mean", torch::zeros({4}));
  module.register_buffer("var", torch::ones({4}));
  module.define(R"(
    def forward(self, x):
        x = torch.conv2d(x, self.filters)
        x = torch.batch_norm(x, self.gain, None, self.mean, self.var, self.training, 0.1, 1e-5, False)
        x = torch.dropout(torch.tanh(x), 0.3, self.training).flatten(1)
        return torch.linear(x, self.weight) / 12.0
)");
  return file_of(module);
}

class ConfinedLearnerTest : public testing::Test {
 protected:
  ConfinedLearnerTest() {
    job_.model = {"torchscript", {{"file", std::string("module.pt")}}};
    job_.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 0.01}});
    job_.train.batch_size = 8;
    job_.train.epochs = 2;
    SeededRandom random(3);
    data_ = {{1, 8, 8}, 50, {}, {}, {}};
    for (int i = 0; i < 50 * 64; ++i) data_.inputs.push_back(static_cast<float>(random.normal()));
    for (int i = 0; i < 50; ++i)
      data_.labels.push_back(static_cast<std::int64_t>(random.uniform_below(2)));
  }
  TrainRequest request() const {
    TrainRequest made{job_, 2, global_, data_, 7, 1, {}, {}, module_};
    made.memory_bytes = kMemory;
    return made;
  }
  static void expect_same(const Result<TrainOutput>& here, const Result<TrainOutput>& there) {
    ASSERT_TRUE(here) << here.error().message;
    ASSERT_TRUE(there) << there.error().message;
    EXPECT_EQ(there->update, here->update);
    EXPECT_EQ(there->companions, here->companions);
    EXPECT_EQ(there->own, here->own);
    EXPECT_EQ(there->local, here->local);
    EXPECT_EQ(there->train_loss, here->train_loss);
    EXPECT_EQ(there->update_norm, here->update_norm);
    EXPECT_EQ(there->examples, here->examples);
    EXPECT_EQ(there->batches, here->batches);
  }

  JobSpec job_;
  const SystemClock clock_;
  const ConfinedLearner confined_{{clock_, [] { return std::uint64_t{4} << 30; }}};
  const Leash leash_{{}, kMemory};
  const Bytes module_ = module_file();
  ExampleSet data_;
  Model global_;
};

TEST_F(ConfinedLearnerTest, EveryErrandGivesTheBitsOfThisProcess) {
  const auto initial = confined_.initial_model(job_, {1, 8, 8}, module_, leash_);
  ASSERT_TRUE(initial) << initial.error().message;
  global_ = *initial;
  EXPECT_EQ(global_, *initial_model(job_, {1, 8, 8}, module_));
  std::uint64_t last = 0;
  TrainRequest training = request();
  training.progress = [&last](std::uint64_t done, std::uint64_t) { last = done; };
  const auto trained = confined_.train(training);
  expect_same(train(request()), trained);
  EXPECT_EQ(last, 14u);
  const auto counts = confined_.evaluate(job_, global_, data_, 1, module_, leash_);
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(*counts, *evaluate(job_, global_, data_, 1, module_));
  for (std::size_t i = 0; i < global_.values.size(); ++i)
    global_.values[i] += trained->update.values[i];
  const auto file = confined_.export_torchscript(job_, global_, {1, 8, 8}, module_, leash_);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*initial_model(job_, {1, 8, 8}, *file), global_);
}

// What goes along with a training: what the server sent, what the site kept, where it starts.
TEST_F(ConfinedLearnerTest, WhatAlgorithmsNeedTravelsAlong) {
  global_ = *initial_model(job_, {1, 8, 8}, module_);
  Model start = global_;
  for (float& value : start.values) value *= 1.01f;
  const std::vector<float> state(global_.values.size(), 0.001f);
  job_.train.keep_local = {"gain", "mean", "var"};
  job_.train.schedule = choose(learning_rate_schedules(), "exponential", {});
  job_.rounds.rounds = 9;
  for (const char* algorithm : {"fedprox", "scaffold", "feddyn"}) {
    job_.train.algorithm = choose(client_algorithms(), algorithm);
    TrainRequest training = request();
    training.start = &start;
    training.own = state;
    training.server = state;
    expect_same(train(training), confined_.train(training));
  }
}

TEST_F(ConfinedLearnerTest, ATrainingThatIsStoppedLeavesACheckpointAndGoesOnToTheSameBits) {
  global_ = *initial_model(job_, {1, 8, 8}, module_);
  job_.train.epochs = 400;
  const auto whole = train(request());
  bool stop = false;
  std::optional<TrainingState> left;
  TrainRequest training = request();
  training.should_stop = [&stop] { return stop; };
  training.progress = [&stop](std::uint64_t done, std::uint64_t) { stop = done > 0; };
  training.checkpoint_due = [&stop] { return stop; };
  training.checkpoint = [&left](Result<TrainingState> state) {
    ASSERT_TRUE(state) << state.error().message;
    left = *std::move(state);
  };
  const auto stopped = confined_.train(training);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled) << stopped.error().message;
  ASSERT_TRUE(left);
  EXPECT_LT(left->batches, left->total);
  TrainRequest rest = request();
  rest.resume = [&left] { return left; };
  expect_same(whole, confined_.train(rest));
  left->bytes.resize(left->bytes.size() / 2);
  EXPECT_EQ(confined_.train(rest).error().code, ErrorCode::kDataLoss);
}

TEST_F(ConfinedLearnerTest, CheckpointsOnTheWayDoNotChangeATraining) {
  global_ = *initial_model(job_, {1, 8, 8}, module_);
  job_.train.epochs = 100;
  int kept = 0;
  TrainRequest training = request();
  training.checkpoint_due = [] { return true; };
  training.checkpoint = [&kept](const Result<TrainingState>& state) { kept += state ? 1 : 0; };
  expect_same(train(request()), confined_.train(training));
  EXPECT_GT(kept, 0);
}

// Threads that are started after the process was confined.
TEST_F(ConfinedLearnerTest, ATrainingMayHaveSeveralThreads) {
  global_ = *initial_model(job_, {1, 8, 8}, module_);
  job_.train.batch_size = 0;
  TrainRequest training = request();
  training.threads = 3;
  const auto trained = confined_.train(training);
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_GT(trained->update_norm, 0.0);
}

TEST_F(ConfinedLearnerTest, WhatIsWrongIsToldAsInThisProcess) {
  const auto here = initial_model(job_, {1, 2, 2}, module_);
  const auto there = confined_.initial_model(job_, {1, 2, 2}, module_, leash_);
  ASSERT_FALSE(there);
  EXPECT_EQ(there.error().message, here.error().message);
  EXPECT_EQ(there.error().code, here.error().code);
}

// Our own families bring no code, and need no process.
TEST_F(ConfinedLearnerTest, BuiltInFamiliesStayInThisProcess) {
  const ConfinedLearner nowhere({clock_, [] { return kMemory; }, "/no/such/program"});
  EXPECT_EQ(nowhere.initial_model(job_, {1, 8, 8}, module_, leash_).error().code,
            ErrorCode::kNotFound);
  job_.model = choose(model_families(), "mlp", {});
  const auto initial = nowhere.initial_model(job_, {1, 8, 8}, {}, leash_);
  ASSERT_TRUE(initial);
  global_ = *initial;
  EXPECT_TRUE(nowhere.train({job_, 1, global_, data_, 7, 1, {}, {}, {}}));
  EXPECT_TRUE(nowhere.evaluate(job_, global_, data_, 1, {}, leash_));
  EXPECT_TRUE(nowhere.export_torchscript(job_, global_, {1, 8, 8}, {}, leash_));
}

TEST_F(ConfinedLearnerTest, AProgramThatKnowsNoOrdersIsToldApart) {
  const ConfinedLearner other({clock_, [] { return kMemory; }, "/bin/true"});
  EXPECT_THAT(other.initial_model(job_, {1, 8, 8}, module_, leash_).error().message,
              HasSubstr("status 0"));
}

// On inputs of zeros a linear model moves by noise alone; it comes from the system's generator,
// also where a process may do hardly anything.
TEST_F(ConfinedLearnerTest, WhatIsPromisedOfRecordsIsKeptThere) {
  const Bytes module = file_of(
      linear_module("def forward(self, x):\n    return torch.linear(x, self.weight)\n", 400));
  data_ = {{400}, 20, RowVector<float>(8000, 0.0f), RowVector<std::int64_t>(20, 1), {}};
  job_.train.epochs = 1;
  job_.privacy.records = {.clip = 0.5, .noise_multiplier = 2.0, .delta = 1e-5, .max_epsilon = 9};
  global_ = *confined_.initial_model(job_, {400}, module, leash_);
  TrainRequest training = request();
  training.module_file = module;
  const auto first = confined_.train(training), second = confined_.train(training);
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_NE(first->update, second->update);
  EXPECT_EQ(first->train_loss, 0.0);
  double squares = 0;
  for (const float value : first->update.values)
    squares += static_cast<double>(value) * static_cast<double>(value) / 400;
  const double variance = 3 * std::pow(0.01 * 0.5 * 2.0 / 8, 2);  // three steps of 8 rows
  EXPECT_NEAR(squares / variance, 1, 6 * std::sqrt(2.0 / 400));
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == tributary::kConfinedCommand) return tributary::serve_confined();
  if (argc == 2 && argv[1] == tributary::kUncheckedCommand) return tributary::serve_unchecked();
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
