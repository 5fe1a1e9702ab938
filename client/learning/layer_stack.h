// SPDX-License-Identifier: Apache-2.0
// LayerStack: the model made of a tree of layers. Tensors are used directly rather than through
// torch::nn, whose constructors would draw initial weights that are thrown away each round.
// Internal to this room, with Torch types; what layers compute is in layer_passes.cc and
// sequence_passes.cc. One owner, one thread.
#pragma once

#include "client/learning/layers.h"
#include "client/learning/torch_model.h"

namespace tributary {

class LayerStack final : public TorchModel {
 public:
  explicit LayerStack(Layers layers);

  torch::Tensor forward(const torch::Tensor& inputs) override { return walk(inputs, nullptr); }
  torch::Tensor forward_traced(const torch::Tensor& inputs, std::vector<LayerUse>& uses) override;
  torch::Tensor forward_alone(const torch::Tensor& inputs, std::uint64_t seed) override;
  torch::Tensor extra_loss() override { return extra_loss_; }
  void watch(Watched* to) override { watched_ = to; }
  void set_training(bool training) override { training_ = training; }
  std::unique_lock<std::mutex> seed_randomness(std::uint64_t seed) override;
  void initialize(std::uint64_t job_seed) override;
  void save(std::ostream& file) override;
  void save_state(StateWriter& to) const override;
  Status restore_state(StateReader& from) override;

 private:
  // Where a forward() stands.
  struct Walk {
    torch::Tensor x;
    torch::Tensor present;  // [rows, places, 1], of the last embedding: where there is an id
    torch::Tensor memory, memory_present;   // what an encoder gave
    std::size_t at = 0;                     // of the next layer's first parameter in `tensors`
    std::size_t buffer_at = 0;              // of its first buffer
    std::vector<LayerUse>* uses = nullptr;  // null where nobody asks
  };
  torch::Tensor walk(const torch::Tensor& inputs, std::vector<LayerUse>* uses);
  void go(const Layers& layers, Walk& walk);

  // Each takes x one layer further; `at` is moved by go().
  void pass(const FlattenLayer& layer, Walk& walk);
  void pass(const ReshapeLayer& layer, Walk& walk);
  void pass(const LinearLayer& layer, Walk& walk);
  void pass(const ActivationLayer& layer, Walk& walk);
  void pass(const DropoutLayer& layer, Walk& walk);
  void pass(const LayerNormLayer& layer, Walk& walk);
  void pass(const GroupNormLayer& layer, Walk& walk);
  void pass(const ConvLayer& layer, Walk& walk);
  void pass(const BatchNormLayer& layer, Walk& walk);
  void pass(const MaxPoolLayer& layer, Walk& walk);
  void pass(const GlobalAveragePoolLayer& layer, Walk& walk);
  void pass(const UpsampleLayer& layer, Walk& walk);
  void pass(const EmbeddingLayer& layer, Walk& walk);
  void pass(const MeanOfPlacesLayer& layer, Walk& walk);
  void pass(const TakePlaceLayer& layer, Walk& walk);
  void pass(const PlacesLastLayer& layer, Walk& walk);
  void pass(const PositionsLayer& layer, Walk& walk);
  void pass(const RecurrentLayer& layer, Walk& walk);
  void pass(const AttentionLayer& layer, Walk& walk);
  void pass(const RepeatLayer& layer, Walk& walk);
  void pass(const SpikeLayer& layer, Walk& walk);
  void pass(const ReadSpikesLayer& layer, Walk& walk);
  void pass(const ResidualLayer& layer, Walk& walk);
  void pass(const SkipLayer& layer, Walk& walk);
  void pass(const TranslateLayer& layer, Walk& walk);
  void pass(const LatentLayer& layer, Walk& walk);

  torch::Tensor convolve(const ConvLayer& layer, const torch::Tensor& x, std::size_t at) const;
  torch::Tensor linear(Walk& walk, const torch::Tensor& x, std::size_t at) const;
  torch::Tensor one_way(const RecurrentLayer& layer, const torch::Tensor& x, std::size_t at) const;
  // Inverted dropout from this model's own generator: Torch's is shared by all threads of the
  // process.
  torch::Tensor drop(const torch::Tensor& x, double rate);
  // The outputs as those of which the gradients of rows are made; `count` tensors from `at` on.
  static torch::Tensor traced(Walk& walk, std::size_t at, torch::Tensor outputs,
                              LayerUse::Kind kind, std::size_t count);
  // The weights of a traced layer need no gradient: what it is for each row follows from its use.
  torch::Tensor fixed(std::size_t at) const {
    return tensors[at].tensor.detach().to(torch::kDouble);
  }

  Layers layers_;
  std::vector<LayerTensor> initial_;  // of each of `tensors`
  bool traceable_ = true;             // there is a hook for each layer with weights
  bool training_ = false;
  Watched* watched_ = nullptr;
  torch::Tensor extra_loss_;
  at::Generator generator_;
};

}  // namespace tributary
