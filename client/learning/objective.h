// SPDX-License-Identifier: Apache-2.0
// TrainingObjective: a plug-in that says what a training makes small, given a model and a batch of
// rows. Internal to this room, with Torch types. Factories are constants, any thread; what they
// make belongs to one training.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "client/learning/torch_model.h"

namespace tributary {

struct Batch {
  torch::Tensor inputs;   // [rows, ...]; changed with the next batch
  torch::Tensor targets;  // as training_loss wants them; undefined where rows have no label
};

class Objective {
 public:
  virtual ~Objective() = default;
  // A number that gradients flow back from: the mean over the rows. Throws what Torch throws.
  virtual torch::Tensor loss(TorchModel& model, const Batch& batch) = 0;
};

struct TrainingObjective {
  std::string_view name;
  std::string_view help;
  // `seed` of whatever it draws. The job's class weights are numbers, also where it says balanced.
  std::unique_ptr<Objective> (*make)(const JobSpec& job, std::uint64_t seed);
};

std::span<const TrainingObjective* const> objective_table();  // generated
Result<const TrainingObjective*> find_objective(std::string_view name);

}  // namespace tributary
