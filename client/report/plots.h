// SPDX-License-Identifier: Apache-2.0
// Plots as SVG, and pictures as PNG within an <img>: texts for HtmlPage::figure. Plain functions,
// any thread. Names are escaped; values that are no finite numbers are left out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tributary {

struct Series {
  std::string name;
  std::vector<double> values;
  std::vector<double> spread = {};  // bars: a line from value - spread to value + spread; or none
};

// Bars of all series side by side at each label.
std::string bar_plot(const std::vector<std::string>& labels, const std::vector<Series>& series);
// Lines over `x`; each series as long as it.
std::string line_plot(const std::vector<double>& x, const std::vector<Series>& series);
// One point for each pair.
std::string scatter_plot(std::span<const double> x, std::span<const double> y);
// `values` row by row; blue at -most, white at 0, red at most.
std::string heat_map(const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                     std::span<const double> values, double most);

struct Picture {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t channels = 1;          // 1: grey, 3: red, green, blue
  std::vector<std::uint8_t> samples;  // row by row, a pixel's channels together
};

// From floats [channels, height, width], 1 or 3 channels, between `low` and `high`.
Picture picture_of(std::span<const float> values, std::int64_t channels, std::int64_t height,
                   std::int64_t width, float low, float high);
// `heat` [height, width] from 0 to `most` as red over the picture.
Picture heat_over(const Picture& picture, std::span<const float> heat, float most);
Result<Bytes> png_of(const Picture& picture);
// Each pixel `zoom` wide.
Result<std::string> image_of(const Picture& picture, int zoom);

}  // namespace tributary
