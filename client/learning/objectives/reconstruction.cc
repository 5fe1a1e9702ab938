// SPDX-License-Identifier: Apache-2.0
#include "client/learning/input_loss.h"
#include "client/learning/objective.h"
#include "common/base/random_source.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// The mean over all inputs of a batch; the model may see them with noise (Vincent et al. 2008).
class Reconstruction final : public Objective {
 public:
  explicit Reconstruction(const ObjectiveStart& start)
      : loss_(start.job.train.loss),
        deviation_(option<double>(start.job.train.objective.options, "deviation")),
        seed_(start.seed) {}

  torch::Tensor loss(TorchModel& model, const Batch& batch) override {
    torch::Tensor seen = batch.inputs;
    if (deviation_ > 0.0) {
      const torch::Tensor noise = torch::empty(seen.sizes());
      SeededRandom random(derive_seed(seed_, "noise", batch.place));
      for (float& value : values_of(noise))
        value = static_cast<float>(deviation_ * random.normal());
      seen = seen + noise.to(seen.device());
    }
    return with_extra(input_losses(loss_, model.forward(seen), batch.inputs).mean(), model);
  }

 private:
  std::string loss_;
  double deviation_;
  std::uint64_t seed_;
};

}  // namespace

const TrainingObjective& reconstruction_objective() {
  static constexpr TrainingObjective kObjective{
      "reconstruction", "inputs from themselves",
      [](const ObjectiveStart& start) {
        return std::unique_ptr<Objective>(std::make_unique<Reconstruction>(start));
      },
      false, true};
  return kObjective;
}

}  // namespace tributary
