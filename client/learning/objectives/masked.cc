// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "client/learning/input_loss.h"
#include "client/learning/objective.h"
#include "common/base/random_source.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// He et al. 2022: of each row a fixed share is hidden, drawn anew each time, and the loss is the
// mean over what is hidden alone. What may be hidden as a whole: of a picture [channels, height,
// width] a square of all channels, of a series [steps, features] a step, else one input.
class Masked final : public Objective {
 public:
  explicit Masked(const ObjectiveStart& start)
      : loss_(start.job.train.loss),
        share_(option<double>(start.job.train.objective.options, "share")),
        patch_(option<std::int64_t>(start.job.train.objective.options, "patch")),
        seed_(start.seed) {}

  torch::Tensor loss(TorchModel& model, const Batch& batch) override {
    const torch::Tensor hidden = draw(batch);
    const torch::Tensor seen = batch.inputs.masked_fill(hidden.to(torch::kBool), 0.0);
    const torch::Tensor losses = input_losses(loss_, model.forward(seen), batch.inputs);
    return with_extra((losses * hidden).sum() / hidden.sum(), model);
  }

 private:
  // 1 where an input is hidden, else 0; of the inputs' shape.
  torch::Tensor draw(const Batch& batch) {
    torch::Tensor hidden = torch::zeros(batch.inputs.sizes());
    const std::int64_t rows = batch.inputs.size(0);
    const std::vector<std::int64_t> shape = batch.inputs.sizes().slice(1).vec();
    const std::span<float> all = values_of(hidden);
    const std::size_t size = all.size() / static_cast<std::size_t>(rows);
    std::vector<std::uint32_t> parts(parts_of(shape));
    const auto count = static_cast<double>(parts.size());
    const auto most = std::max<std::size_t>(1, parts.size() - 1);
    const auto hide =
        std::clamp<std::size_t>(static_cast<std::size_t>(std::llround(share_ * count)), 1, most);
    for (std::int64_t row = 0; row < rows; ++row) {
      std::iota(parts.begin(), parts.end(), 0U);
      SeededRandom random(
          derive_seed(seed_, "hidden", batch.place + static_cast<std::uint64_t>(row)));
      random.shuffle(parts);
      const auto of_row = all.subspan(static_cast<std::size_t>(row) * size, size);
      for (std::size_t i = 0; i < hide; ++i) mark(of_row, shape, parts[i]);
    }
    return hidden.to(batch.inputs.device());
  }

  std::size_t patches(std::int64_t size) const {
    return static_cast<std::size_t>((size + patch_ - 1) / patch_);
  }
  std::size_t parts_of(const std::vector<std::int64_t>& shape) const {
    if (shape.size() == 3) return patches(shape[1]) * patches(shape[2]);
    if (shape.size() == 2) return static_cast<std::size_t>(shape[0]);
    std::size_t inputs = 1;
    for (const std::int64_t one : shape) inputs *= static_cast<std::size_t>(one);
    return inputs;
  }
  void mark(std::span<float> row, const std::vector<std::int64_t>& shape, std::size_t part) const {
    if (shape.size() == 3) return mark_patch(row, shape, part);
    const std::size_t length = shape.size() == 2 ? static_cast<std::size_t>(shape[1]) : 1;
    std::ranges::fill(row.subspan(part * length, length), 1.0F);
  }
  // Patches at the right and lower border may be smaller.
  void mark_patch(std::span<float> row, const std::vector<std::int64_t>& shape,
                  std::size_t part) const {
    const auto height = static_cast<std::size_t>(shape[1]),
               width = static_cast<std::size_t>(shape[2]);
    const auto side = static_cast<std::size_t>(patch_);
    const std::size_t top = part / patches(shape[2]) * side;
    const std::size_t left = part % patches(shape[2]) * side;
    const std::size_t columns = std::min(side, width - left);
    for (std::size_t line = 0; line < static_cast<std::size_t>(shape[0]) * height; ++line) {
      const std::size_t y = line % height;
      if (y >= top && y < top + side)
        std::ranges::fill(row.subspan(line * width + left, columns), 1.0F);
    }
  }

  std::string loss_;
  double share_;
  std::int64_t patch_;
  std::uint64_t seed_;
};

}  // namespace

const TrainingObjective& masked_objective() {
  static constexpr TrainingObjective kObjective{
      "masked", "hidden parts of the inputs from the others",
      [](const ObjectiveStart& start) {
        return std::unique_ptr<Objective>(std::make_unique<Masked>(start));
      },
      false, true};
  return kObjective;
}

}  // namespace tributary
