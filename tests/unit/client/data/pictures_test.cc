// SPDX-License-Identifier: Apache-2.0
// Pictures of every kind onto a canvas, against what was written and against plain arithmetic.
#include "client/data/pictures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "client/data/canvas.h"
#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "tests/unit/client/data/picture_files.h"

namespace tributary {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

std::vector<float> painted(const std::string& file, const CanvasShape& shape,
                           PictureUse use = PictureUse::kPicture) {
  Canvas canvas(shape, CanvasFit::kStretch,
                use == PictureUse::kMask ? CanvasSampling::kNearest : CanvasSampling::kSmooth);
  const Status done = paint_picture(as_bytes(file), use, canvas);
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  EXPECT_TRUE(canvas.complete());
  return {canvas.values().begin(), canvas.values().end()};
}

std::string fault(const std::string& file, PictureUse use = PictureUse::kPicture) {
  Canvas canvas({1, 2, 2}, CanvasFit::kStretch, CanvasSampling::kSmooth);
  const Status done = paint_picture(as_bytes(file), use, canvas);
  return done ? "none" : done.error().message;
}

// One channel of random values.
std::vector<float> random_picture(std::size_t count, std::uint64_t seed) {
  SeededRandom random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(255.0 * random.uniform());
  return values;
}

void paint(const std::vector<float>& values, std::size_t height, std::size_t width,
           Canvas& canvas) {
  const std::size_t channels = values.size() / height / width;
  ASSERT_TRUE(canvas.begin(static_cast<std::int64_t>(height), static_cast<std::int64_t>(width),
                           static_cast<std::int64_t>(channels)));
  for (std::size_t y = 0; y < height; ++y)
    canvas.add_row(std::span(values).subspan(y * width * channels, width * channels));
}

// The definition, with no separation into rows and columns and in double precision.
double smooth_at(const std::vector<float>& values, std::size_t height, std::size_t width,
                 double scale_y, double scale_x, std::size_t y, std::size_t x) {
  const double center_y = (static_cast<double>(y) + 0.5) * scale_y;
  const double center_x = (static_cast<double>(x) + 0.5) * scale_x;
  double sum = 0.0, weights = 0.0;
  for (std::size_t i = 0; i < height; ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      const double far_y =
          std::abs(static_cast<double>(i) + 0.5 - center_y) / std::max(1.0, scale_y);
      const double far_x =
          std::abs(static_cast<double>(j) + 0.5 - center_x) / std::max(1.0, scale_x);
      const double weight = std::max(0.0, 1.0 - far_y) * std::max(0.0, 1.0 - far_x);
      sum += weight * static_cast<double>(values[i * width + j]);
      weights += weight;
    }
  }
  return sum / weights;
}

TEST(Canvas, ScalesAsTheDefinitionOfATriangleSays) {
  for (const auto& [height, width, to_height, to_width] : std::vector<std::array<std::size_t, 4>>{
           {7, 9, 3, 4}, {4, 5, 11, 13}, {8, 8, 8, 8}, {1, 1, 3, 3}, {50, 3, 7, 6}}) {
    const std::vector<float> values = random_picture(height * width, height * 100 + width);
    Canvas canvas({1, static_cast<std::int64_t>(to_height), static_cast<std::int64_t>(to_width)},
                  CanvasFit::kStretch, CanvasSampling::kSmooth);
    paint(values, height, width, canvas);
    for (std::size_t y = 0; y < to_height; ++y) {
      for (std::size_t x = 0; x < to_width; ++x) {
        const double wanted = smooth_at(
            values, height, width, static_cast<double>(height) / static_cast<double>(to_height),
            static_cast<double>(width) / static_cast<double>(to_width), y, x);
        EXPECT_NEAR(canvas.values()[y * to_width + x], wanted, 1e-3)
            << height << "x" << width << " at " << y << ", " << x;
      }
    }
  }
}

TEST(Canvas, ALetterboxKeepsTheRatioOfSides) {
  Canvas canvas({1, 4, 4}, CanvasFit::kLetterbox, CanvasSampling::kNearest, -1.0F);
  paint({1, 2, 3, 4, 5, 6, 7, 8}, 2, 4, canvas);
  EXPECT_THAT(canvas.values(), ElementsAre(-1, -1, -1, -1, 1, 2, 3, 4, 5, 6, 7, 8, -1, -1, -1, -1));
  paint({1, 2, 3, 4, 5, 6, 7, 8}, 8, 1, canvas);  // the next picture, of another shape
  EXPECT_THAT(canvas.values(),
              ElementsAre(-1, 2, -1, -1, -1, 4, -1, -1, -1, 6, -1, -1, -1, 8, -1, -1));
}

TEST(Canvas, GreyAndColoursBecomeWhatTheJobWants) {
  Canvas grey({1, 1, 2}, CanvasFit::kStretch, CanvasSampling::kSmooth);
  paint({255, 0, 0, 100, 100, 100}, 1, 2, grey);
  EXPECT_THAT(grey.values(), Pointwise(testing::FloatNear(1e-3F), {76.245F, 100.0F}));
  Canvas colours({3, 1, 2}, CanvasFit::kStretch, CanvasSampling::kSmooth);
  paint({1, 2, 3, 4, 5, 6}, 1, 2, colours);
  EXPECT_THAT(colours.values(), ElementsAre(1, 4, 2, 5, 3, 6)) << "channels first";
  paint({7, 8}, 1, 2, colours);
  EXPECT_THAT(colours.values(), ElementsAre(7, 8, 7, 8, 7, 8));
}

TEST(Canvas, RefusesWhatIsNoPicture) {
  Canvas canvas({1, 2, 2}, CanvasFit::kStretch, CanvasSampling::kSmooth);
  EXPECT_FALSE(canvas.begin(0, 1, 1));
  EXPECT_FALSE(canvas.begin(1, -1, 1));
  EXPECT_FALSE(canvas.begin(1, limits::kPictureSideMax + 1, 1));
  EXPECT_TRUE(canvas.begin(1, limits::kPictureSideMax, 1));
}

TEST(Png, EveryDepthIsReadFrom0To255) {
  EXPECT_THAT(painted(png_file(2, 2, {0, 255, 7, 128}), {1, 2, 2}), ElementsAre(0, 255, 7, 128));
  EXPECT_THAT(
      painted(png_file(2, 2, {0, 65535, 257 * 3, 257 * 200}, {PNG_COLOR_TYPE_GRAY, 16}), {1, 2, 2}),
      ElementsAre(0, 255, 3, 200));
  EXPECT_THAT(painted(png_file(4, 1, {1, 0, 1, 1}, {PNG_COLOR_TYPE_GRAY, 1}), {1, 1, 4}),
              ElementsAre(255, 0, 255, 255));
  EXPECT_THAT(
      painted(png_file(2, 1, {1, 2, 3, 255, 4, 5, 6, 0}, {PNG_COLOR_TYPE_RGB_ALPHA}), {3, 1, 2}),
      ElementsAre(1, 4, 2, 5, 3, 6))
      << "transparency does not count";
  const PngKind palette{PNG_COLOR_TYPE_PALETTE, 2, false, {{10, 20, 30}, {40, 50, 60}, {7, 8, 9}}};
  EXPECT_THAT(painted(png_file(3, 1, {2, 0, 1}, palette), {3, 1, 3}),
              ElementsAre(7, 10, 40, 8, 20, 50, 9, 30, 60));
}

TEST(Png, InterlacedIsTheSamePicture) {
  std::vector<unsigned> values;
  for (unsigned i = 0; i < 11 * 13 * 3; ++i) values.push_back(i * 7919 % 256);
  const auto plain = painted(png_file(11, 13, values, {PNG_COLOR_TYPE_RGB}), {3, 13, 11});
  const auto passes = painted(png_file(11, 13, values, {PNG_COLOR_TYPE_RGB, 8, true}), {3, 13, 11});
  EXPECT_EQ(plain, passes);
  EXPECT_EQ(plain[1], static_cast<float>(values[3]));
}

TEST(Png, AMaskIsReadAsItsNumbers) {
  const PngKind palette{PNG_COLOR_TYPE_PALETTE, 2, false, {{10, 20, 30}, {40, 50, 60}, {7, 8, 9}}};
  EXPECT_THAT(painted(png_file(3, 1, {2, 0, 1}, palette), {1, 1, 3}, PictureUse::kMask),
              ElementsAre(2, 0, 1));
  EXPECT_THAT(
      painted(png_file(2, 1, {3, 65535}, {PNG_COLOR_TYPE_GRAY, 16}), {1, 1, 2}, PictureUse::kMask),
      ElementsAre(3, 65535));
  EXPECT_THAT(fault(png_file(1, 1, {1, 2, 3}, {PNG_COLOR_TYPE_RGB}), PictureUse::kMask),
              HasSubstr("neither grey nor has a palette"));
  EXPECT_THAT(fault(jpeg_file(8, 8, 1, std::vector<unsigned>(64, 9)), PictureUse::kMask),
              HasSubstr("lossy"));
}

TEST(Png, DamageIsAFault) {
  const std::string whole = png_file(20, 20, std::vector<unsigned>(400, 3));
  for (const std::size_t size :
       {std::size_t{4}, std::size_t{20}, std::size_t{40}, whole.size() - 20, whole.size() - 4})
    EXPECT_THAT(fault(whole.substr(0, size)), HasSubstr("a PNG is damaged")) << size;
  std::string wide = whole;  // a head that claims 2^31 - 1 columns
  wide.replace(16, 4, "\x7f\xff\xff\xff");
  EXPECT_THAT(fault(wide), HasSubstr("a PNG is damaged"));
  EXPECT_THAT(fault("GIF89a"), HasSubstr("neither a PNG nor a JPEG"));
  EXPECT_THAT(fault(""), HasSubstr("neither a PNG nor a JPEG"));
}

TEST(Jpeg, IsReadAsItWasWritten) {
  std::vector<unsigned> values;
  for (unsigned y = 0; y < 24; ++y) {
    for (unsigned x = 0; x < 16; ++x) values.push_back(40 + 4 * x + 3 * y);
  }
  for (const bool progressive : {false, true}) {
    const auto read = painted(jpeg_file(16, 24, 1, values, progressive), {1, 24, 16});
    for (std::size_t i = 0; i < read.size(); ++i)
      EXPECT_NEAR(read[i], static_cast<float>(values[i]), 2.0F) << i;
  }
  std::vector<unsigned> red;
  for (int i = 0; i < 64; ++i) red.insert(red.end(), {200, 40, 90});
  const auto read = painted(jpeg_file(8, 8, 3, red), {3, 8, 8});
  EXPECT_NEAR(read[0], 200, 3);
  EXPECT_NEAR(read[64], 40, 3);
  EXPECT_NEAR(read[128], 90, 3);
}

TEST(Jpeg, DamageAndWhatIsNotReadAreFaults) {
  std::vector<unsigned> values;
  for (unsigned i = 0; i < 64 * 64; ++i) values.push_back(i * 7919 % 256);
  for (const bool progressive : {false, true}) {
    const std::string whole = jpeg_file(64, 64, 1, values, progressive);
    for (const std::size_t size : {std::size_t{3}, std::size_t{100}, whole.size() / 2})
      EXPECT_THAT(fault(whole.substr(0, size)), HasSubstr("a JPEG is damaged")) << size;
    std::string changed = whole;
    for (std::size_t at = whole.size() / 2; at < whole.size() / 2 + 40; ++at) changed[at] = '\x7e';
    fault(changed);  // a fault or another picture, and no crash
  }
  EXPECT_THAT(fault(jpeg_file(8, 8, 4, std::vector<unsigned>(256, 9))), HasSubstr("CMYK"));
}

}  // namespace
}  // namespace tributary
