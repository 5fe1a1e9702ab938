// SPDX-License-Identifier: Apache-2.0
#include "client/learning/objective.h"
#include "client/learning/training_loss.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Lee 2013, equation 15: the mean loss of the batch's rows with labels, and `weight` times that of
// its rows without, whose label is the class that the model gives them now. Rows of which it is not
// sure count in the mean with a loss of 0, so that few sure rows weigh little.
class PseudoLabels final : public Objective {
 public:
  explicit PseudoLabels(const ObjectiveStart& start)
      : kind_(start.job.data.target),
        threshold_(number(start, "threshold")),
        weight_(number(start, "weight")) {
    const auto warmup = option<std::int64_t>(start.job.train.objective.options, "warmup");
    if (std::int64_t{start.round} <= warmup) weight_ = 0.0;
  }

  torch::Tensor loss(TorchModel& model, const Batch& batch) override {
    const torch::Tensor outputs = model.forward(batch.inputs);
    const torch::Tensor labelled = (batch.targets >= 0).nonzero().flatten();
    const torch::Tensor others = (batch.targets < 0).nonzero().flatten();
    torch::Tensor sum = outputs.sum() * 0.0;  // of the graph, whatever the batch has
    if (labelled.numel() > 0) {
      sum = sum + training_loss(kind_, outputs.index_select(0, labelled),
                                batch.targets.index_select(0, labelled));
    }
    if (others.numel() == 0 || weight_ == 0.0) return sum;
    const torch::Tensor own = outputs.index_select(0, others);
    const auto [sure, classes] = taken_for(own.detach());
    const torch::Tensor losses = training_loss(kind_, own, classes, at::Reduction::None);
    return sum + (losses * sure).mean() * weight_;
  }

 private:
  static double number(const ObjectiveStart& start, const std::string& name) {
    return option<double>(start.job.train.objective.options, name);
  }
  // 1 where the model is sure, else 0; and the class that it gives, as training_loss wants it.
  std::pair<torch::Tensor, torch::Tensor> taken_for(const torch::Tensor& outputs) const {
    if (kind_ == TargetKind::kBinary) {
      const torch::Tensor positive = outputs.reshape({-1}).sigmoid();
      const torch::Tensor classes = (positive >= 0.5).to(torch::kFloat32);
      const torch::Tensor probability = torch::where(positive >= 0.5, positive, 1.0 - positive);
      return {(probability >= threshold_).to(torch::kFloat32), classes};
    }
    const auto [probability, classes] = outputs.softmax(1).max(1);
    return {(probability >= threshold_).to(torch::kFloat32), classes};
  }

  TargetKind kind_;
  double threshold_;
  double weight_;
};

}  // namespace

const TrainingObjective& pseudo_labels_objective() {
  static constexpr TrainingObjective kObjective{
      "pseudo_labels", "rows without a label by the model's own class",
      [](const ObjectiveStart& start) {
        return std::unique_ptr<Objective>(std::make_unique<PseudoLabels>(start));
      }};
  return kObjective;
}

}  // namespace tributary
