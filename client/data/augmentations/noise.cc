// SPDX-License-Identifier: Apache-2.0
#include "client/data/augmentation.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

class Noise final : public RowChange {
 public:
  explicit Noise(const OptionMap& options) : deviation_(option<double>(options, "deviation")) {}

  void apply(const AugmentedRow& row, RandomSource& random) override {
    if (deviation_ == 0.0) return;
    for (float& value : row.inputs)
      value = static_cast<float>(double{value} + deviation_ * random.normal());
  }

 private:
  double deviation_;
};

}  // namespace

const Augmentation& noise_augmentation() {
  static constexpr Augmentation kNoise{
      "noise", "Normal noise on each input", [](const OptionMap& options) {
        return std::unique_ptr<RowChange>(std::make_unique<Noise>(options));
      }};
  return kNoise;
}

}  // namespace tributary
