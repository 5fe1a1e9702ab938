// SPDX-License-Identifier: Apache-2.0
// Moves pictures, and the masks that belong to them: one place for what rotations, zooms and crops
// share. Plain values and functions, any thread; memory is the caller's. It draws nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "client/data/augmentation.h"

namespace tributary {

// The sizes of a row that is a picture; any other shape is a fault of ours.
struct PictureSize {
  explicit PictureSize(const AugmentedRow& row);
  std::size_t channels, height, width;
  std::size_t pixels() const { return height * width; }
};

// From a place of the new picture to one of the old, both counted from the centre, in pixels.
struct Affine {
  double xx = 1.0, xy = 0.0;  // x_old = xx * x + xy * y + x0
  double yx = 0.0, yy = 1.0;
  double x0 = 0.0, y0 = 0.0;
  bool operator==(const Affine&) const = default;
};

// Values between pixels are weighted by their four neighbours, classes are those of the nearest
// pixel; outside the picture is 0, and the class -1.
class PictureMover {
 public:
  void move(const AugmentedRow& row, const Affine& from);

 private:
  std::vector<float> before_;
  std::vector<std::int64_t> mask_before_;
};

}  // namespace tributary
