// SPDX-License-Identifier: Apache-2.0
#include "client/learning/device_model.h"

#include <ATen/autocast_mode.h>

namespace tributary {
namespace {

class Autocast {
 public:
  explicit Autocast(bool half) : half_(half) {
    if (!half_) return;
    at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
    at::autocast::set_enabled(true);
  }
  ~Autocast() {
    if (!half_) return;
    at::autocast::set_enabled(false);
    at::autocast::clear_cache();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool half_;
};

class DeviceModel final : public TorchModel {
 public:
  DeviceModel(TorchModelPtr inner, torch::Device device, bool half)
      : inner_(std::move(inner)), device_(device), half_(half) {
    tensors = inner_->tensors;
    parameters = inner_->parameters;
    mixes_rows = inner_->mixes_rows;
  }

  torch::Tensor forward(const torch::Tensor& inputs) override {
    go();
    const Autocast autocast(half_);
    const torch::Tensor outputs = inner_->forward(inputs.to(device_)).to(torch::kFloat32);
    come_back();
    return outputs;
  }
  torch::Tensor forward_alone(const torch::Tensor& inputs, std::uint64_t seed) override {
    go();
    const torch::Tensor outputs = inner_->forward_alone(inputs.to(device_), seed);
    come_back();
    return outputs;
  }
  torch::Tensor extra_loss() override { return inner_->extra_loss(); }
  void watch(Watched* to) override { inner_->watch(to); }
  void set_training(bool training) override { inner_->set_training(training); }
  std::unique_lock<std::mutex> seed_randomness(std::uint64_t seed) override {
    return inner_->seed_randomness(seed);
  }
  void initialize(std::uint64_t job_seed) override { inner_->initialize(job_seed); }
  void save(std::ostream& file) override { inner_->save(file); }
  void use_tensor(std::size_t at, const torch::Tensor& tensor) override {
    tensors[at].tensor = tensor;
    inner_->use_tensor(at, tensor);
  }
  void save_state(StateWriter& to) const override { inner_->save_state(to); }
  Status restore_state(StateReader& from) override { return inner_->restore_state(from); }

 private:
  void go() {
    for (std::size_t i = 0; i < tensors.size(); ++i)
      inner_->use_tensor(i, tensors[i].tensor.to(device_));
  }
  // Between calls the layers have the tensors that everybody sees; what a layer counts for itself
  // (statistics of batches) was counted in the copies.
  void come_back() {
    const torch::NoGradGuard plain;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      torch::Tensor& own = tensors[i].tensor;
      if (i >= parameters) own.copy_(inner_->tensors[i].tensor);
      inner_->use_tensor(i, own);
    }
  }

  TorchModelPtr inner_;
  torch::Device device_;
  bool half_;
};

}  // namespace

TorchModelPtr on_device(TorchModelPtr model, torch::Device device, bool half) {
  return std::make_shared<DeviceModel>(std::move(model), device, half);
}

}  // namespace tributary
