// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cmath>
#include <limits>

#include "client/report/html_page.h"
#include "client/report/plots.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::size_t times(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

// A column's name comes from a site's file: it may not become a script in whoever's browser.
TEST(HtmlPage, NoTextBecomesMarkup) {
  const std::string hostile = "<script>alert('&\")</script>";
  HtmlPage page(hostile);
  page.heading(hostile);
  page.text(hostile);
  page.table({hostile, "n"}, {{hostile, "1.5"}});
  page.figure(bar_plot({hostile}, {{hostile, {1.0}}}), hostile);
  page.figure(heat_map({hostile}, {hostile}, std::vector<double>{1.0}, 1.0), hostile);
  const std::string html = page.finished();
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;&amp;&quot;)"));
  EXPECT_EQ(times(html, "<td class=\"number\">"), 1u) << "numbers stand at the right";
  EXPECT_THAT(html, Not(HasSubstr("http:"))) << "but for the names of SVG nothing to fetch";
}

TEST(Plots, WhatIsNoFiniteNumberIsLeftOut) {
  const std::string bars = bar_plot({"a", "b", "c"}, {{"one", {1.0, kNan, -2.0}}});
  EXPECT_EQ(times(bars, "<rect"), 2u + 1u) << "two bars, and one of the legend";
  EXPECT_EQ(
      times(scatter_plot(std::vector{1.0, kNan, 3.0}, std::vector{1.0, 2.0, kNan}), "<circle"), 1u);
  for (const std::string& plot :
       {bars, line_plot({0.0, 1.0}, {{"a", {kNan, 2.0}}}), bar_plot({}, {}), line_plot({}, {}),
        scatter_plot({}, {}), heat_map({"r"}, {"c"}, std::vector{kNan}, 1.0)}) {
    EXPECT_THAT(plot, Not(HasSubstr("nan")));
    EXPECT_THAT(plot, Not(HasSubstr("inf")));
  }
}

TEST(Plots, ABarIsAsHighAsItsValue) {
  const std::string plot = bar_plot({"a", "b"}, {{"one", {1.0, 2.0}}});
  EXPECT_THAT(plot, HasSubstr("height=\"88.0\" fill=\"#0072b2\""));
  EXPECT_THAT(plot, HasSubstr("height=\"176.0\" fill=\"#0072b2\""));
}

TEST(Plots, ASpreadIsALineOverItsBar) {
  const std::string plot = bar_plot({"a", "b"}, {{"one", {1.0, 2.0}, {1.0, kNan}}});
  EXPECT_EQ(times(plot, "stroke=\"#222\""), 1u) << "what is no number has no line";
  // From 0 to 2, over the middle of the first bar.
  EXPECT_THAT(plot, HasSubstr("<path d=\"M160.0 200.0V24.0\" stroke=\"#222\"/>"));
}

TEST(Plots, LongNamesUnderBarsAreSlantedAndHaveRoom) {
  const std::string plain = bar_plot({"a", "b"}, {{"one", {1.0, 2.0}}});
  EXPECT_THAT(plain, Not(HasSubstr("rotate")));
  EXPECT_THAT(plain, HasSubstr("height=\"240.0\" font"));
  const std::vector<std::string> names(8, "fractal_dimension");
  const std::string slanted = bar_plot(names, {{"one", std::vector<double>(8, 1.0)}});
  EXPECT_EQ(times(slanted, "rotate(-40)"), 8u);
  EXPECT_THAT(slanted, HasSubstr("height=\"306.3\" font"));  // 240 + 0.65 * 6 * 17
}

Picture decoded(const Bytes& file) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, file.data(), file.size()), 0);
  image.format = PNG_FORMAT_RGB;
  Picture picture{image.width, image.height, 3, std::vector<std::uint8_t>(PNG_IMAGE_SIZE(image))};
  EXPECT_NE(png_image_finish_read(&image, nullptr, picture.samples.data(), 0, nullptr), 0);
  return picture;
}

TEST(Pictures, ChannelsOfFloatsBecomePixels) {
  // Two pixels: red, then half blue; one value is beyond the range and one is no number.
  const std::vector<float> values = {2.0F, 0.0F, 0.0F, std::nanf(""), -1.0F, 0.5F};
  const Picture picture = picture_of(values, 3, 1, 2, 0.0F, 1.0F);
  const std::vector<std::uint8_t> wanted = {255, 0, 0, 0, 0, 128};
  EXPECT_EQ(picture.samples, wanted);
  const auto file = png_of(picture);
  ASSERT_TRUE(file);
  EXPECT_EQ(decoded(*file).samples, wanted);
  EXPECT_THAT(*image_of(picture, 4),
              HasSubstr("width=\"8\" height=\"4\" src=\"data:image/png;base64,iVBOR"));
}

TEST(Pictures, HeatIsRedOverGrey) {
  const Picture grey{2, 1, 1, {100, 100}};
  const Picture shown = heat_over(grey, std::vector<float>{0.0F, 5.0F}, 5.0F);
  EXPECT_EQ(std::vector<std::uint8_t>(shown.samples.begin(), shown.samples.begin() + 3),
            (std::vector<std::uint8_t>{100, 100, 100}));
  EXPECT_GT(shown.samples[3], 200);
  EXPECT_LT(shown.samples[5], 40);
}

}  // namespace
}  // namespace tributary
