// SPDX-License-Identifier: Apache-2.0
// The way of weights to a device and of gradients back, with the processor as the device: it must
// change no bit. What a card computes is not tested here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>

#include "client/learning/device_model.h"
#include "client/learning/layers.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

TorchModelPtr network() {
  Layers layers;
  layers.emplace_back(LinearLayer{"a", 3, 4});
  layers.emplace_back(LayerNormLayer{"n", 4});
  layers.emplace_back(ActivationLayer{});
  layers.emplace_back(DropoutLayer{0.5});
  layers.emplace_back(LinearLayer{"b", 4, 2});
  TorchModelPtr model = *build_layers(std::move(layers));
  model->initialize(5);
  return model;
}

Bytes state_of(const TorchModel& model) {
  StateWriter to(0);
  model.save_state(to);
  return std::move(to).take();
}

torch::autograd::variable_list gradients(TorchModel& model, const torch::Tensor& inputs) {
  torch::autograd::variable_list weights;
  for (const NamedTensor& named : model.tensors) weights.push_back(named.tensor);
  return torch::autograd::grad({model.forward(inputs).square().sum()}, weights);
}

TEST(DeviceModelTest, GradientsComeBackToTheWeights) {
  const TorchModelPtr plain = network(), away = on_device(network(), torch::kCPU, false);
  torch::manual_seed(1);
  const torch::Tensor inputs = torch::randn({7, 3});
  for (const TorchModelPtr& model : {plain, away}) {
    static_cast<void>(model->seed_randomness(9));
    model->set_training(true);
  }
  for (int step = 0; step < 3; ++step) {
    const auto wanted = gradients(*plain, inputs), found = gradients(*away, inputs);
    ASSERT_EQ(wanted.size(), found.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_TRUE(at::equal(wanted[i], found[i])) << plain->tensors[i].name;
      for (const TorchModelPtr& model : {plain, away}) {
        for (float& value : values_of(model->tensors[i].tensor)) value *= 0.9F;
      }
    }
  }
  EXPECT_EQ(state_of(*away), state_of(*plain)) << "what optimisers changed is what is kept";
  const Bytes earlier = state_of(*network());
  StateReader again(earlier);
  ASSERT_TRUE(away->restore_state(again));
  EXPECT_EQ(state_of(*away), earlier);
}

TEST(DeviceTest, AutoTakesWhatThereIsAndACardThatIsNotThereIsTold) {
  const bool card = at::globalContext().hasCUDA();
  EXPECT_EQ(*choose_device("auto"), card ? Device::kCuda : Device::kCpu);
  EXPECT_EQ(*choose_device("cpu"), Device::kCpu);
  const auto wanted = choose_device("cuda");
  EXPECT_EQ(wanted.has_value(), card);
  if (!card) {
    EXPECT_THAT(wanted.error().message, testing::HasSubstr("write device: auto"));
  }
}

TEST(DeviceTest, ModulesAndPrivateTrainingsStayOnTheProcessor) {
  JobSpec job;
  job.model.name = "mlp";
  EXPECT_EQ(device_for(job, Device::kCuda), Device::kCuda);
  EXPECT_EQ(device_for(job, Device::kCpu), Device::kCpu);
  job.privacy.records.emplace();
  EXPECT_EQ(device_for(job, Device::kCuda), Device::kCpu);
  job.privacy.records.reset();
  job.model.name = "torchscript";
  EXPECT_EQ(device_for(job, Device::kCuda), Device::kCpu);
}

}  // namespace
}  // namespace tributary
