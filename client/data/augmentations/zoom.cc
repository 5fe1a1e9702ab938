// SPDX-License-Identifier: Apache-2.0
#include "client/data/picture.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

class Zoom final : public RowChange {
 public:
  explicit Zoom(const OptionMap& options) : most_(option<double>(options, "most")) {}

  void apply(const AugmentedRow& row, RandomSource& random) override {
    const double factor = 1.0 + (2.0 * random.uniform() - 1.0) * most_;
    mover_.move(row, {.xx = 1.0 / factor, .yy = 1.0 / factor});
  }

 private:
  double most_;
  PictureMover mover_;
};

}  // namespace

const Augmentation& zoom_augmentation() {
  static constexpr Augmentation kZoom{
      "zoom", "Pictures made larger or smaller about their centre", [](const OptionMap& options) {
        return std::unique_ptr<RowChange>(std::make_unique<Zoom>(options));
      }};
  return kZoom;
}

}  // namespace tributary
