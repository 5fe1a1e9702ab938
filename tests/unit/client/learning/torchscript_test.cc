// SPDX-License-Identifier: Apache-2.0
// TorchScript modules out and in again without Python; python_test.cc has the other half where
// Python has torch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/script.h>

#include "client/learning/learner.h"
#include "client/learning/local_tensors.h"
#include "tests/support/plugin_choice.h"
#include "tests/support/script_module.h"

namespace tributary {
namespace {

using testing::HasSubstr;

class TorchScript : public testing::Test {
 protected:
  void SetUp() override {
    job_.train.optimizer = choose(client_optimizers(), "sgd", {{"learning_rate", 0.1}});
    job_.model = choose(model_families(), "mlp", {{"hidden", std::vector<std::int64_t>{4}}});
    script_.train = job_.train;
    script_.model = {"torchscript", {{"file", std::string("module.pt")}}};
  }
  // What a site says of the module in the file.
  std::string fault() {
    const auto model = initial_model(script_, {3}, file_);
    return model ? "none" : model.error().message;
  }

  Bytes file_;
  JobSpec job_, script_;
  const ExampleSet data_{{3}, 4, {1, 2, 3, 0, 1, 0, 2, 2, 2, -1, 0, 1}, {1, 0, 1, 0}, {}};
};

TEST_F(TorchScript, ABuiltInModelComesBackAndTrainsAlike) {
  for (const char* activation : {"relu", "tanh", "sigmoid", "gelu"}) {
    job_.model.options["activation"] = std::string(activation);
    const Model model = *initial_model(job_, {3}, {});
    const auto saved = export_torchscript(job_, model, {3}, {});
    ASSERT_TRUE(saved) << saved.error().message;
    file_ = *saved;
    const auto loaded = initial_model(script_, {3}, file_);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(*loaded, model);
    const auto own = train({job_, 1, model, data_, 1, 1, {}, {}, {}});
    const auto scripted = train({script_, 1, *loaded, data_, 1, 1, {}, {}, file_});
    ASSERT_TRUE(scripted) << scripted.error().message;
    EXPECT_GT(scripted->update_norm, 0.0);
    for (std::size_t i = 0; i < model.values.size(); ++i) {
      EXPECT_NEAR(scripted->update.values[i], own->update.values[i], 1e-6) << activation;
    }
    EXPECT_EQ(figures_of(*evaluate(script_, model, data_, 1, file_)).loss,
              figures_of(*evaluate(job_, model, data_, 1, {})).loss);
  }
}

TEST_F(TorchScript, AFrozenModuleIsRefused) {
  torch::jit::Module module =
      module_in(*export_torchscript(job_, *initial_model(job_, {3}, {}), {3}, {}));
  module.eval();
  file_ = file_of(torch::jit::freeze(module));
  EXPECT_THAT(fault(), AllOf(HasSubstr("frozen"), HasSubstr("torch.jit.script")));
}

// Without dropout or batch statistics a traced module is as good as a scripted one.
TEST_F(TorchScript, ATracedModuleWhoseDropoutIsFixedIsRefused) {
  torch::jit::Module module("Traced");
  module.register_parameter("weight", torch::ones({1, 3}).requires_grad_(), false);
  const auto trace = [&module](bool dropout) {
    const auto forward = [&](torch::jit::Stack inputs) -> torch::jit::Stack {
      const torch::Tensor x = inputs[0].toTensor();
      const torch::Tensor weight = module.attr("weight").toTensor();
      return {at::linear(dropout ? at::dropout(x, 0.5, false) : x, weight)};
    };
    const auto traced = torch::jit::tracer::trace(
        {torch::zeros({2, 3})}, forward, [](const torch::Tensor&) { return std::string(); }, true,
        false, &module);
    return traced.first->graph;
  };
  for (const bool dropout : {true, false}) {
    torch::jit::Module made = module.clone();
    const auto name = c10::QualifiedName(*made.type()->name(), "forward");
    made.type()->addMethod(
        made._ivalue()->compilation_unit()->create_function(name, trace(dropout)));
    file_ = file_of(made);
    if (dropout) {
      EXPECT_THAT(fault(), AllOf(HasSubstr("torch.jit.trace;"), HasSubstr("torch.jit.script")));
    } else {
      EXPECT_EQ(fault(), "none");
    }
  }
}

// FedBN: the norm layer, with its statistics, is each site's own.
TEST_F(TorchScript, ANormLayerStaysAtTheSite) {
  torch::jit::Module module("Normed");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_parameter("weight", torch::ones({1, 3}).requires_grad_(), false);
  module.register_parameter("norm_gain", torch::ones({3}).requires_grad_(), false);
  module.register_buffer("norm_mean", torch::zeros({3}));
  module.register_buffer("norm_var", torch::ones({3}));
  module.define(R"(
    def forward(self, x):
        x = torch.batch_norm(x, self.norm_gain, None, self.norm_mean, self.norm_var, self.training, 0.1, 1e-5, False)
        return torch.linear(x, self.weight)
)");
  file_ = file_of(module);
  for (const char* algorithm : {"fednova", "feddyn"}) {
    script_.train.algorithm = choose(client_algorithms(), algorithm);
    EXPECT_THAT(fault(), HasSubstr("'norm_mean' is a buffer that travels"));
  }
  script_.train.keep_local = {"norm_*"};
  EXPECT_EQ(fault(), "none");
  const Model global = *initial_model(script_, {3}, file_);
  const auto trained = train({script_, 1, global, data_, 1, 1, {}, {}, file_});
  ASSERT_TRUE(trained) << trained.error().message;
  const std::vector<float>& update = trained->update.values;
  EXPECT_NE(update[0], 0.0f);
  EXPECT_THAT(std::vector<float>(update.begin() + 3, update.end()), testing::Each(0.0f));
  ASSERT_EQ(trained->local.size(), 9u) << "gain, mean and variance";
  EXPECT_NE(trained->local[0], 1.0f) << "trained";
  EXPECT_NE(trained->local[3], 0.0f) << "gathered";
  // The next round goes on from them.
  Model start = global;
  put_local(script_.train, trained->local, start);
  TrainRequest request{script_, 2, global, data_, 1, 1, {}, {}, file_};
  request.start = &start;
  const auto again = train(request);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_NE(again->local, trained->local);
  EXPECT_NE(again->update.values[0], update[0]) << "they matter to what travels";
}

TEST_F(TorchScript, WhatIsNoModuleIsRefused) {
  file_ = *export_torchscript(job_, *initial_model(job_, {3}, {}), {3}, {});
  EXPECT_FALSE(initial_model(script_, {5}, file_)) << "another number of inputs";
  EXPECT_THAT(initial_model(script_, {3}, as_bytes("no archive")).error().message,
              HasSubstr("loading the TorchScript module"));
}

}  // namespace
}  // namespace tributary
