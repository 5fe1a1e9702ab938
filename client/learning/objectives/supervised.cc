// SPDX-License-Identifier: Apache-2.0
#include "client/learning/objective.h"
#include "client/learning/training_loss.h"

namespace tributary {
namespace {

// The loss that goes with the job's task.
class Supervised final : public Objective {
 public:
  explicit Supervised(const JobSpec& job)
      : kind_(job.data.target), weights_(class_weights_tensor(job.train.class_weights.weights)) {}

  torch::Tensor loss(TorchModel& model, const Batch& batch) override {
    const torch::Tensor& targets = batch.targets.defined() ? batch.targets : batch.inputs;
    const torch::Tensor loss = training_loss(kind_, model.forward(batch.inputs), targets,
                                             at::Reduction::Mean, weights_);
    const torch::Tensor extra = model.extra_loss();
    return extra.defined() ? loss + extra : loss;
  }

 private:
  TargetKind kind_;
  torch::Tensor weights_;
};

}  // namespace

const TrainingObjective& supervised_objective() {
  static constexpr TrainingObjective kObjective{
      "supervised", "the labels that rows have", [](const JobSpec& job, std::uint64_t) {
        return std::unique_ptr<Objective>(std::make_unique<Supervised>(job));
      }};
  return kObjective;
}

}  // namespace tributary
