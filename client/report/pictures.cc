// SPDX-License-Identifier: Apache-2.0
#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "client/report/plots.h"
#include "common/base/assert.h"
#include "common/crypto/base64.h"

namespace tributary {

Picture picture_of(std::span<const float> values, std::int64_t channels, std::int64_t height,
                   std::int64_t width, float low, float high) {
  TRIB_ASSERT(channels == 1 || channels == 3, "grey or coloured");
  const auto pixels = static_cast<std::size_t>(height * width);
  const auto planes = static_cast<std::size_t>(channels);
  TRIB_ASSERT(values.size() == pixels * planes, "a value for each channel of each pixel");
  Picture picture{width, height, channels, std::vector<std::uint8_t>(values.size())};
  const float span = high > low ? high - low : 1.0F;
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < planes; ++c) {
      const float share = (values[c * pixels + i] - low) / span;
      const float shown = std::isfinite(share) ? std::clamp(share, 0.0F, 1.0F) : 0.0F;
      picture.samples[i * planes + c] = static_cast<std::uint8_t>(std::lround(255.0F * shown));
    }
  }
  return picture;
}

Picture heat_over(const Picture& picture, std::span<const float> heat, float most) {
  const auto pixels = static_cast<std::size_t>(picture.width * picture.height);
  const auto planes = static_cast<std::size_t>(picture.channels);
  TRIB_ASSERT(heat.size() == pixels, "a value for each pixel");
  Picture shown{picture.width, picture.height, 3, std::vector<std::uint8_t>(3 * pixels)};
  constexpr float kRed[3] = {255.0F, 40.0F, 0.0F};
  for (std::size_t i = 0; i < pixels; ++i) {
    const float share = most > 0.0F ? heat[i] / most : 0.0F;
    const float strength = std::isfinite(share) ? 0.8F * std::clamp(share, 0.0F, 1.0F) : 0.0F;
    for (std::size_t c = 0; c < 3; ++c) {
      const float under = picture.samples[i * planes + std::min(c, planes - 1)];
      shown.samples[3 * i + c] =
          static_cast<std::uint8_t>(std::lround(under + strength * (kRed[c] - under)));
    }
  }
  return shown;
}

Result<Bytes> png_of(const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = picture.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  Bytes file(size);
  const void* samples = picture.samples.data();
  if (png_image_write_to_memory(&image, file.data(), &size, 0, samples, 0, nullptr) == 0)
    return make_error(ErrorCode::kInternal, std::string("writing a PNG: ") + image.message);
  file.resize(size);
  return file;
}

Result<std::string> image_of(const Picture& picture, int zoom) {
  TRIB_TRY(file, png_of(picture));
  return "<img width=\"" + std::to_string(picture.width * zoom) + "\" height=\"" +
         std::to_string(picture.height * zoom) + "\" src=\"data:image/png;base64," +
         encode_base64(file) + "\" alt=\"\">";
}

}  // namespace tributary
