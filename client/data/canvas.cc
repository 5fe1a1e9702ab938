// SPDX-License-Identifier: Apache-2.0
#include "client/data/canvas.h"

#include <algorithm>
#include <cmath>

#include "common/base/assert.h"
#include "common/base/limits.h"

namespace tributary {

std::vector<Canvas::Mixture> Canvas::mixtures(std::int64_t from, std::int64_t to) const {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double reach = std::max(scale, 1.0);
  std::vector<Mixture> all(static_cast<std::size_t>(to));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    if (sampling_ == CanvasSampling::kNearest) {
      const auto nearest = static_cast<std::int64_t>(std::floor(center));
      all[i] = {static_cast<std::size_t>(std::min(nearest, from - 1)), {1.0F}};
      continue;
    }
    const auto first = std::max<std::int64_t>(0, std::llround(center - reach));
    const auto last = std::min<std::int64_t>(from, std::llround(center + reach));
    double sum = 0.0;
    for (std::int64_t pixel = first; pixel < last; ++pixel)
      sum += std::max(0.0, 1.0 - std::abs(static_cast<double>(pixel) + 0.5 - center) / reach);
    all[i].first = static_cast<std::size_t>(first);
    for (std::int64_t pixel = first; pixel < last; ++pixel) {
      const double weight = 1.0 - std::abs(static_cast<double>(pixel) + 0.5 - center) / reach;
      all[i].weights.push_back(static_cast<float>(std::max(0.0, weight) / sum));
    }
  }
  return all;
}

Status Canvas::begin(std::int64_t height, std::int64_t width, std::int64_t channels) {
  if (height < 1 || width < 1 || height > limits::kPictureSideMax ||
      width > limits::kPictureSideMax) {
    return make_error(ErrorCode::kInvalidArgument, "a picture is not between 1 and " +
                                                       std::to_string(limits::kPictureSideMax) +
                                                       " pixels wide and high");
  }
  TRIB_ASSERT(channels == 1 || channels == 3, "a picture is grey or has three colours");
  std::int64_t high = shape_.height, wide = shape_.width;
  if (fit_ == CanvasFit::kLetterbox) {
    const double scale = std::min(static_cast<double>(shape_.height) / static_cast<double>(height),
                                  static_cast<double>(shape_.width) / static_cast<double>(width));
    const auto side = [scale](std::int64_t from, std::int64_t most) {
      return std::clamp<std::int64_t>(std::llround(static_cast<double>(from) * scale), 1, most);
    };
    high = side(height, shape_.height);
    wide = side(width, shape_.width);
  }
  // Many pictures of a set have one size.
  if (height != height_ || rows_.empty()) rows_ = mixtures(height, high);
  if (width != width_ || columns_.empty()) columns_ = mixtures(width, wide);
  if (static_cast<std::int64_t>(rows_.size()) != high) rows_ = mixtures(height, high);
  if (static_cast<std::int64_t>(columns_.size()) != wide) columns_ = mixtures(width, wide);
  height_ = height;
  width_ = width;
  channels_ = channels;
  top_ = static_cast<std::size_t>((shape_.height - high) / 2);
  left_ = static_cast<std::size_t>((shape_.width - wide) / 2);
  next_row_ = 0;
  first_open_ = 0;
  const auto plane = static_cast<std::size_t>(shape_.height * shape_.width);
  values_.assign(static_cast<std::size_t>(shape_.channels) * plane, border_);
  for (std::size_t row = top_; row < top_ + rows_.size(); ++row) {
    for (std::size_t channel = 0; channel < static_cast<std::size_t>(shape_.channels); ++channel) {
      const auto at = channel * plane + row * static_cast<std::size_t>(shape_.width) + left_;
      std::fill_n(values_.begin() + static_cast<std::ptrdiff_t>(at), columns_.size(), 0.0F);
    }
  }
  return {};
}

void Canvas::add_row(std::span<const float> row) {
  TRIB_ASSERT(next_row_ < height_ && std::ssize(row) == width_ * channels_,
              "a row that does not belong to the picture");
  const auto y = static_cast<std::size_t>(next_row_++);
  const auto wide = static_cast<std::size_t>(shape_.width);
  const std::size_t plane = static_cast<std::size_t>(shape_.height) * wide;
  const auto from = static_cast<std::size_t>(channels_);
  for (std::size_t channel = 0; channel < static_cast<std::size_t>(shape_.channels); ++channel) {
    pixels_.resize(static_cast<std::size_t>(width_));
    for (std::size_t x = 0; x < pixels_.size(); ++x) {
      const float* pixel = row.data() + x * from;
      const bool luma = from == 3 && shape_.channels == 1;
      pixels_[x] = luma ? 0.299F * pixel[0] + 0.587F * pixel[1] + 0.114F * pixel[2]
                        : pixel[from == 3 ? channel : 0];
    }
    line_.assign(columns_.size(), 0.0F);
    for (std::size_t x = 0; x < columns_.size(); ++x) {
      const Mixture& mixture = columns_[x];
      for (std::size_t i = 0; i < mixture.weights.size(); ++i)
        line_[x] += mixture.weights[i] * pixels_[mixture.first + i];
    }
    for (std::size_t to = first_open_; to < rows_.size() && rows_[to].first <= y; ++to) {
      if (y >= rows_[to].first + rows_[to].weights.size()) continue;
      const float weight = rows_[to].weights[y - rows_[to].first];
      float* into = values_.data() + channel * plane + (top_ + to) * wide + left_;
      for (std::size_t x = 0; x < line_.size(); ++x) into[x] += weight * line_[x];
    }
  }
  while (first_open_ < rows_.size() &&
         y + 1 >= rows_[first_open_].first + rows_[first_open_].weights.size())
    ++first_open_;
}

}  // namespace tributary
