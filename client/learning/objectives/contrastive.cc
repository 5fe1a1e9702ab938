// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "client/learning/objective.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// NT-Xent of SimCLR (Chen et al. 2020, equation 1): each of the 2n views is to find the other view
// of its row among the 2n - 1 others, by the softmax of cosines over the temperature. The mean over
// all views.
class Contrastive final : public Objective {
 public:
  explicit Contrastive(const ObjectiveStart& start)
      : temperature_(option<double>(start.job.train.objective.options, "temperature")) {}

  torch::Tensor loss(TorchModel& model, const Batch& batch) override {
    const std::int64_t rows = batch.inputs.size(0);
    const torch::Tensor outputs =
        model.forward(torch::cat({batch.inputs, batch.second})).flatten(1);
    constexpr double kLeastNorm = 1e-8;  // of a row that is all zero
    const torch::Tensor directions =
        outputs / outputs.norm(2, {1}, /*keepdim=*/true).clamp_min(kLeastNorm);
    const torch::Tensor itself = torch::eye(2 * rows, torch::kBool);
    const torch::Tensor logits = (at::mm(directions, directions.t()) / temperature_)
                                     .masked_fill(itself, -std::numeric_limits<double>::infinity());
    const torch::Tensor partners = (torch::arange(2 * rows) + rows).remainder(2 * rows);
    return at::cross_entropy_loss(logits, partners);
  }

 private:
  double temperature_;
};

}  // namespace

const TrainingObjective& contrastive_objective() {
  static constexpr TrainingObjective kObjective{
      "contrastive",
      "two changed views of a row alike",
      [](const ObjectiveStart& start) {
        return std::unique_ptr<Objective>(std::make_unique<Contrastive>(start));
      },
      true,
      true,
      [](const OptionMap& options) { return option<std::int64_t>(options, "width"); }};
  return kObjective;
}

}  // namespace tributary
