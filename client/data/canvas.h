// SPDX-License-Identifier: Apache-2.0
// Canvas: a picture of the job's shape, painted row by row from one of any size, so that a large
// picture never lies in memory. One owner, one thread. It knows no file format.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tributary {

enum class CanvasFit {
  kStretch,    // each side by itself
  kLetterbox,  // as large as fits with the sides' ratio kept, in the middle
};
enum class CanvasSampling {
  // A triangle as wide as what one value stands for: bilinear where a picture grows, and the
  // weighted mean of all pixels where it shrinks.
  kSmooth,
  kNearest,  // for classes, which have no mean
};

struct CanvasShape {
  std::int64_t channels = 1;  // 1: grey, 3: red, green, blue
  std::int64_t height = 1;
  std::int64_t width = 1;
};

class Canvas {
 public:
  // `border`: the value around a picture with kLetterbox.
  Canvas(CanvasShape shape, CanvasFit fit, CanvasSampling sampling, float border = 0.0F)
      : shape_(shape), fit_(fit), sampling_(sampling), border_(border) {}

  // Before the first row, of each picture. `channels` of the picture: 1 or 3; grey becomes three
  // equal channels, colours become their luma (ITU-R BT.601). Errors: a side that is none, or over
  // limits::kPictureSideMax.
  Status begin(std::int64_t height, std::int64_t width, std::int64_t channels);
  // From the top; channels of a pixel stand together. Not more than `height` of begin().
  void add_row(std::span<const float> row);
  bool complete() const { return next_row_ == height_; }
  // [channels, height, width]
  std::span<const float> values() const { return values_; }

 private:
  // What one place of the canvas is made of: weights of pixels from `first` on.
  struct Mixture {
    std::size_t first = 0;
    std::vector<float> weights;
  };
  std::vector<Mixture> mixtures(std::int64_t from, std::int64_t to) const;

  CanvasShape shape_;
  CanvasFit fit_;
  CanvasSampling sampling_;
  float border_;
  std::vector<float> values_;

  // The picture being painted, and where.
  std::int64_t height_ = 0, width_ = 0, channels_ = 1;
  std::size_t top_ = 0, left_ = 0;
  std::vector<Mixture> rows_, columns_;
  std::int64_t next_row_ = 0;
  std::size_t first_open_ = 0;  // rows before it are done
  std::vector<float> pixels_, line_;
};

}  // namespace tributary
