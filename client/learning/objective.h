// SPDX-License-Identifier: Apache-2.0
// TrainingObjective: a plug-in that says what a training makes small, given a model and a batch of
// rows. Internal to this room, with Torch types. Factories are constants, any thread; what they
// make belongs to one training.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "client/learning/torch_model.h"

namespace tributary {

struct Batch {
  torch::Tensor inputs;   // [rows, ...]; changed with the next batch
  torch::Tensor targets;  // as training_loss wants them; undefined where rows have no label
  // The same rows changed another time, for objectives that want two views.
  torch::Tensor second = {};
  // Of the rows that were mixed into these, which keep the share `kept`; undefined: none were.
  torch::Tensor partners = {};
  double kept = 1.0;
  std::uint64_t place = 0;  // rows of the training before these: what is drawn follows from it
};

void move(Batch& batch, torch::Device device);
// With what the model adds to the loss of its last forward().
torch::Tensor with_extra(const torch::Tensor& loss, TorchModel& model);

class Objective {
 public:
  virtual ~Objective() = default;
  // A number that gradients flow back from: the mean over the rows. Throws what Torch throws.
  virtual torch::Tensor loss(TorchModel& model, const Batch& batch) = 0;
};

struct ObjectiveStart {
  const JobSpec& job;
  RoundNumber round = 1;
  std::uint64_t seed = 0;  // of whatever it draws
};

struct TrainingObjective {
  std::string_view name;
  std::string_view help;
  // The job's class weights are numbers, also where it says balanced.
  std::unique_ptr<Objective> (*make)(const ObjectiveStart& start);
  bool two_views = false;
  // Rows of a site's validation are judged by this loss, in place of the task's.
  bool judges = false;
  // Outputs of the model; null: those of the task.
  std::int64_t (*outputs)(const OptionMap& options) = nullptr;
};

std::span<const TrainingObjective* const> objective_table();  // generated
Result<const TrainingObjective*> find_objective(std::string_view name);

}  // namespace tributary
