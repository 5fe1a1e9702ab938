// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "client/explain/method.h"

namespace tributary {
namespace {

// Where a pixel's middle lies between the middles of coarser cells: the cell before, and how far
// behind it.
struct Between {
  std::size_t before = 0;
  std::size_t behind = 0;
  double share = 0.0;
};
Between between(std::int64_t pixel, std::int64_t pixels, std::int64_t cells) {
  const double at = (static_cast<double>(pixel) + 0.5) * static_cast<double>(cells) /
                        static_cast<double>(pixels) -
                    0.5;
  const double last = static_cast<double>(cells - 1);
  const double held = std::clamp(at, 0.0, last);
  const double before = std::floor(held);
  return {static_cast<std::size_t>(before), static_cast<std::size_t>(std::min(before + 1.0, last)),
          held - before};
}

// Bilinear, from [height, width] of the maps to that of the picture.
void enlarge(const std::vector<double>& heat, const FeatureMaps& maps, const Features& picture,
             double* to) {
  const std::size_t width = static_cast<std::size_t>(maps.width);
  for (std::int64_t y = 0; y < picture.height; ++y) {
    const Between down = between(y, picture.height, maps.height);
    for (std::int64_t x = 0; x < picture.width; ++x) {
      const Between across = between(x, picture.width, maps.width);
      const auto along = [&](std::size_t row) {
        return (1.0 - across.share) * heat[row * width + across.before] +
               across.share * heat[row * width + across.behind];
      };
      *to++ = (1.0 - down.share) * along(down.before) + down.share * along(down.behind);
    }
  }
}

// A channel counts by the mean of its gradients; what speaks against the output is left out.
Result<Explanation> explain(const Subject& subject) {
  TRIB_TRY(maps, subject.model.feature_maps(subject.rows.inputs, subject.wanted));
  const std::size_t places = static_cast<std::size_t>(maps.height * maps.width);
  const std::size_t channels = static_cast<std::size_t>(maps.channels);
  const std::size_t rows = static_cast<std::size_t>(subject.rows.rows);
  Explanation found{std::vector<double>(rows * subject.features.count, 0.0), subject.rows.rows};
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<double> heat(places, 0.0);
    for (std::size_t channel = 0; channel < channels; ++channel) {
      const std::size_t at = (row * channels + channel) * places;
      double weight = 0.0;
      for (std::size_t i = 0; i < places; ++i)
        weight += static_cast<double>(maps.gradients[at + i]);
      weight /= static_cast<double>(places);
      for (std::size_t i = 0; i < places; ++i)
        heat[i] += weight * static_cast<double>(maps.values[at + i]);
    }
    for (double& one : heat) one = std::max(one, 0.0);
    enlarge(heat, maps, subject.features, found.values.data() + row * subject.features.count);
  }
  return found;
}

}  // namespace

const ExplainMethod& grad_cam_explain_method() {
  static constexpr ExplainMethod kMethod{
      .name = "grad_cam",
      .help = "where the last convolution saw what speaks for the output (Selvaraju et al. 2017)",
      .unit = "weighted feature maps",
      .others = false,
      .explain = explain};
  return kMethod;
}

}  // namespace tributary
