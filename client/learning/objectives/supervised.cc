// SPDX-License-Identifier: Apache-2.0
#include "client/learning/objective.h"
#include "client/learning/training_loss.h"

namespace tributary {
namespace {

// The loss that goes with the job's task. Where rows were mixed, that of either row's label by its
// share (Zhang et al. 2018).
class Supervised final : public Objective {
 public:
  explicit Supervised(const JobSpec& job)
      : kind_(job.data.target), weights_(class_weights_tensor(job.train.class_weights.weights)) {}

  torch::Tensor loss(TorchModel& model, const Batch& batch) override {
    const torch::Tensor outputs = model.forward(batch.inputs);
    // Rows without labels are their own.
    const torch::Tensor& targets = batch.targets.defined() ? batch.targets : batch.inputs;
    torch::Tensor loss = training_loss(kind_, outputs, targets, at::Reduction::Mean, weights_);
    if (batch.partners.defined()) {
      const torch::Tensor other =
          training_loss(kind_, outputs, batch.partners, at::Reduction::Mean, weights_);
      loss = loss * batch.kept + other * (1.0 - batch.kept);
    }
    return with_extra(loss, model);
  }

 private:
  TargetKind kind_;
  torch::Tensor weights_;
};

}  // namespace

const TrainingObjective& supervised_objective() {
  static constexpr TrainingObjective kObjective{
      "supervised", "the labels that rows have", [](const ObjectiveStart& start) {
        return std::unique_ptr<Objective>(std::make_unique<Supervised>(start.job));
      }};
  return kObjective;
}

}  // namespace tributary
