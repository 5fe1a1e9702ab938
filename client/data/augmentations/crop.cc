// SPDX-License-Identifier: Apache-2.0
#include "client/data/picture.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// A window of the picture's own size, anywhere in the picture with a border around it: the picture
// is shifted, and what comes in is 0.
class Crop final : public RowChange {
 public:
  explicit Crop(const OptionMap& options) : padding_(option<std::int64_t>(options, "padding")) {}

  void apply(const AugmentedRow& row, RandomSource& random) override {
    const auto places = static_cast<std::uint64_t>(2 * padding_ + 1);
    const auto right = static_cast<std::int64_t>(random.uniform_below(places)) - padding_;
    const auto down = static_cast<std::int64_t>(random.uniform_below(places)) - padding_;
    mover_.move(row, {.x0 = static_cast<double>(right), .y0 = static_cast<double>(down)});
  }

 private:
  std::int64_t padding_;
  PictureMover mover_;
};

}  // namespace

const Augmentation& crop_augmentation() {
  static constexpr Augmentation kCrop{
      "crop", "Pictures shifted by a random window", [](const OptionMap& options) {
        return std::unique_ptr<RowChange>(std::make_unique<Crop>(options));
      }};
  return kCrop;
}

}  // namespace tributary
