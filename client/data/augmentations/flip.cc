// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "client/data/picture.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// `lines` of `width` values, each turned round.
template <typename T>
void turn_lines(std::span<T> values, std::size_t width) {
  for (std::size_t at = 0; at < values.size(); at += width)
    std::ranges::reverse(values.subspan(at, width));
}

// The lines of a plane in the opposite order.
template <typename T>
void turn_plane(std::span<T> plane, std::size_t width) {
  for (std::size_t top = 0, bottom = plane.size() - width; top < bottom;
       top += width, bottom -= width)
    std::ranges::swap_ranges(plane.subspan(top, width), plane.subspan(bottom, width));
}

class Flip final : public RowChange {
 public:
  explicit Flip(const OptionMap& options)
      : horizontal_(option<double>(options, "horizontal")),
        vertical_(option<double>(options, "vertical")) {}

  void apply(const AugmentedRow& row, RandomSource& random) override {
    const PictureSize size(row);
    const bool horizontal = random.uniform() < horizontal_;
    const bool vertical = random.uniform() < vertical_;
    if (horizontal) {
      turn_lines(row.inputs, size.width);
      turn_lines(row.mask, size.width);
    }
    if (!vertical) return;
    for (std::size_t channel = 0; channel < size.channels; ++channel)
      turn_plane(row.inputs.subspan(channel * size.pixels(), size.pixels()), size.width);
    if (!row.mask.empty()) turn_plane(row.mask, size.width);
  }

 private:
  double horizontal_, vertical_;
};

}  // namespace

const Augmentation& flip_augmentation() {
  static constexpr Augmentation kFlip{
      "flip", "Pictures mirrored by chance", [](const OptionMap& options) {
        return std::unique_ptr<RowChange>(std::make_unique<Flip>(options));
      }};
  return kFlip;
}

}  // namespace tributary
