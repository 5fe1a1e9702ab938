// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "client/learning/objective.h"

namespace tributary {
namespace {

// Half the mean square distance between the weights and what each row would have them be. Its least
// is at the mean over the rows, which one step of sgd with rate 1 over all rows reaches.
class Statistics final : public Objective {
 public:
  torch::Tensor loss(TorchModel& model, const Batch& batch) override {
    if (!model.made_of_means) throw std::logic_error("statistics of a model that has none");
    const torch::Tensor means =
        model.sums_over(batch.inputs) / static_cast<double>(batch.inputs.size(0));
    torch::Tensor loss = torch::zeros({}, torch::kDouble);
    std::int64_t at = 0;
    for (std::size_t i = 0; i < model.parameters; ++i) {
      const torch::Tensor& weight = model.tensors[i].tensor;
      const torch::Tensor mean = means.narrow(0, at, weight.numel()).view_as(weight);
      loss = loss + 0.5 * (weight.to(torch::kDouble) - mean).square().sum();
      at += weight.numel();
    }
    return loss.to(torch::kFloat32);
  }
};

}  // namespace

const TrainingObjective& statistics_objective() {
  static constexpr TrainingObjective kObjective{
      "statistics", "means over rows, of a family that is made of them", [](const ObjectiveStart&) {
        return std::unique_ptr<Objective>(std::make_unique<Statistics>());
      }};
  return kObjective;
}

}  // namespace tributary
