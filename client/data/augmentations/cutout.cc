// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "client/data/picture.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// DeVries and Taylor 2017: the centre of the square lies anywhere in the picture, so that a part of
// it may lie outside. A mask keeps its classes: what cannot be seen is there all the same.
class Cutout final : public RowChange {
 public:
  explicit Cutout(const OptionMap& options) : side_(option<std::int64_t>(options, "size")) {}

  void apply(const AugmentedRow& row, RandomSource& random) override {
    const PictureSize size(row);
    const Range lines = cut(size.height, random), columns = cut(size.width, random);
    for (std::size_t channel = 0; channel < size.channels; ++channel) {
      const auto plane = row.inputs.subspan(channel * size.pixels(), size.pixels());
      for (std::size_t y = lines.from; y < lines.to; ++y) {
        std::ranges::fill(plane.subspan(y * size.width + columns.from, columns.to - columns.from),
                          0.0F);
      }
    }
  }

 private:
  struct Range {
    std::size_t from, to;
  };
  Range cut(std::size_t size, RandomSource& random) const {
    const auto first = static_cast<std::int64_t>(random.uniform_below(size)) - side_ / 2;
    const auto most = static_cast<std::int64_t>(size);
    return {static_cast<std::size_t>(std::clamp<std::int64_t>(first, 0, most)),
            static_cast<std::size_t>(std::clamp<std::int64_t>(first + side_, 0, most))};
  }

  std::int64_t side_;
};

}  // namespace

const Augmentation& cutout_augmentation() {
  static constexpr Augmentation kCutout{
      "cutout", "Pictures with a square set to zero", [](const OptionMap& options) {
        return std::unique_ptr<RowChange>(std::make_unique<Cutout>(options));
      }};
  return kCutout;
}

}  // namespace tributary
