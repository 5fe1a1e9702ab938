// SPDX-License-Identifier: Apache-2.0
#include "client/data/picture.h"

#include <cmath>

#include "common/base/assert.h"

namespace tributary {
namespace {

struct Plane {
  const float* values;
  std::int64_t height, width;
  double at(std::int64_t y, std::int64_t x) const {
    if (y < 0 || y >= height || x < 0 || x >= width) return 0.0;
    return static_cast<double>(values[y * width + x]);
  }
};

// A place of the old picture, and between which pixels it lies.
struct Source {
  std::int64_t y, x;  // of the pixel above and to the left
  double down, right;
};

float between(const Plane& plane, const Source& from) {
  const double above =
      (1.0 - from.right) * plane.at(from.y, from.x) + from.right * plane.at(from.y, from.x + 1);
  const double below = (1.0 - from.right) * plane.at(from.y + 1, from.x) +
                       from.right * plane.at(from.y + 1, from.x + 1);
  return static_cast<float>((1.0 - from.down) * above + from.down * below);
}

std::int64_t nearest(const std::vector<std::int64_t>& mask, const Plane& plane,
                     const Source& from) {
  const std::int64_t y = from.y + (from.down >= 0.5 ? 1 : 0);
  const std::int64_t x = from.x + (from.right >= 0.5 ? 1 : 0);
  if (y < 0 || y >= plane.height || x < 0 || x >= plane.width) return -1;
  return mask[static_cast<std::size_t>(y * plane.width + x)];
}

}  // namespace

PictureSize::PictureSize(const AugmentedRow& row) {
  TRIB_ASSERT(row.shape.size() == 3, "a picture is [channels, height, width]");
  channels = static_cast<std::size_t>(row.shape[0]);
  height = static_cast<std::size_t>(row.shape[1]);
  width = static_cast<std::size_t>(row.shape[2]);
  TRIB_ASSERT(row.inputs.size() == channels * pixels(), "all values of the picture");
  TRIB_ASSERT(row.mask.empty() || row.mask.size() == pixels(), "a class for each pixel");
}

void PictureMover::move(const AugmentedRow& row, const Affine& from) {
  if (from == Affine{}) return;
  const PictureSize size(row);
  before_.assign(row.inputs.begin(), row.inputs.end());
  mask_before_.assign(row.mask.begin(), row.mask.end());
  Plane plane{before_.data(), static_cast<std::int64_t>(size.height),
              static_cast<std::int64_t>(size.width)};
  const double middle_x = (static_cast<double>(size.width) - 1.0) / 2.0;
  const double middle_y = (static_cast<double>(size.height) - 1.0) / 2.0;
  for (std::size_t i = 0; i < size.pixels(); ++i) {
    const double x = static_cast<double>(i % size.width) - middle_x;
    const double y = static_cast<double>(i / size.width) - middle_y;
    const double old_x = from.xx * x + from.xy * y + from.x0 + middle_x;
    const double old_y = from.yx * x + from.yy * y + from.y0 + middle_y;
    const Source source{static_cast<std::int64_t>(std::floor(old_y)),
                        static_cast<std::int64_t>(std::floor(old_x)), old_y - std::floor(old_y),
                        old_x - std::floor(old_x)};
    for (std::size_t channel = 0; channel < size.channels; ++channel) {
      plane.values = before_.data() + channel * size.pixels();
      row.inputs[channel * size.pixels() + i] = between(plane, source);
    }
    if (!row.mask.empty()) row.mask[i] = nearest(mask_before_, plane, source);
  }
}

}  // namespace tributary
