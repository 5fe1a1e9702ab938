// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "client/data/picture.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

class Rotate final : public RowChange {
 public:
  explicit Rotate(const OptionMap& options)
      : most_(option<double>(options, "degrees") * std::numbers::pi / 180.0) {}

  void apply(const AugmentedRow& row, RandomSource& random) override {
    const double angle = (2.0 * random.uniform() - 1.0) * most_;
    const double along = std::cos(angle), across = std::sin(angle);
    mover_.move(row, {.xx = along, .xy = across, .yx = -across, .yy = along});
  }

 private:
  double most_;  // radians
  PictureMover mover_;
};

}  // namespace

const Augmentation& rotate_augmentation() {
  static constexpr Augmentation kRotate{
      "rotate", "Pictures turned about their centre", [](const OptionMap& options) {
        return std::unique_ptr<RowChange>(std::make_unique<Rotate>(options));
      }};
  return kRotate;
}

}  // namespace tributary
