// SPDX-License-Identifier: Apache-2.0
#include "client/data/augmentation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "client/data/picture.h"
#include "client/data/series.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

using Sizes = std::vector<std::int64_t>;
using Floats = std::vector<float>;
using Labels = std::vector<std::int64_t>;

Floats normal_values(std::size_t count, std::uint64_t seed = 3) {
  SeededRandom random(seed);
  Floats values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

struct Changed {
  Floats inputs;
  Labels mask;
};

// A row after one augmentation of the list.
Changed changed(const std::string& name, const OptionMap& options, const Sizes& shape,
                Floats inputs, Labels mask = {}, std::uint64_t place = 0) {
  const std::vector<PluginChoice> list = {choose(augmentations(), name, options)};
  auto augmenter = Augmenter::make(list, 11);
  EXPECT_TRUE(augmenter) << augmenter.error().message;
  augmenter->change({shape, inputs, mask}, place, 0);
  return {std::move(inputs), std::move(mask)};
}

TEST(Augmentation, AFlipTurnsEachChannelAndTheMask) {
  const Floats picture = {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60};  // two channels of 2 x 3
  const Labels mask = {0, 1, 2, 3, 4, 5};
  const Changed sideways =
      changed("flip", {{"horizontal", 1.0}, {"vertical", 0.0}}, {2, 2, 3}, picture, mask);
  EXPECT_EQ(sideways.inputs, (Floats{3, 2, 1, 6, 5, 4, 30, 20, 10, 60, 50, 40}));
  EXPECT_EQ(sideways.mask, (Labels{2, 1, 0, 5, 4, 3}));
  const Changed down =
      changed("flip", {{"horizontal", 0.0}, {"vertical", 1.0}}, {2, 2, 3}, picture, mask);
  EXPECT_EQ(down.inputs, (Floats{4, 5, 6, 1, 2, 3, 40, 50, 60, 10, 20, 30}));
  EXPECT_EQ(down.mask, (Labels{3, 4, 5, 0, 1, 2}));
}

TEST(Augmentation, AFlipComesAsOftenAsItsChanceSays) {
  int turned = 0;
  for (std::uint64_t place = 0; place < 2000; ++place) {
    const OptionMap options = {{"horizontal", 0.3}};
    turned += changed("flip", options, {1, 1, 2}, {1, 2}, {}, place).inputs[0] == 2.0F ? 1 : 0;
  }
  EXPECT_NEAR(turned, 600, 82);  // four standard deviations of the binomial
}

TEST(Augmentation, ACropShiftsPictureAndMaskAlikeAndNothingComesIn) {
  const Sizes shape = {2, 4, 5};
  const Floats before = normal_values(40);
  Labels mask(20);
  std::iota(mask.begin(), mask.end(), 0);
  std::set<std::pair<int, int>> seen;
  for (std::uint64_t place = 0; place < 200; ++place) {
    const Changed after =
        changed("crop", {{"padding", std::int64_t{1}}}, shape, before, mask, place);
    int fits = 0;
    for (int down = -1; down <= 1; ++down) {
      for (int right = -1; right <= 1; ++right) {
        Floats inputs(40, 0.0F);
        Labels classes(20, -1);
        for (int i = 0; i < 40; ++i) {
          const int y = i % 20 / 5 + down, x = i % 5 + right;
          if (y < 0 || y >= 4 || x < 0 || x >= 5) continue;
          inputs[static_cast<std::size_t>(i)] =
              before[static_cast<std::size_t>(i / 20 * 20 + y * 5 + x)];
          classes[static_cast<std::size_t>(i % 20)] = mask[static_cast<std::size_t>(y * 5 + x)];
        }
        if (inputs != after.inputs) continue;
        EXPECT_EQ(classes, after.mask);
        seen.emplace(down, right);
        ++fits;
      }
    }
    ASSERT_EQ(fits, 1) << place;
  }
  EXPECT_EQ(seen.size(), 9u) << "every window comes about";
}

// A quarter turn moves pixels onto pixels.
TEST(Augmentation, AQuarterTurnIsExactForPictureAndMask) {
  Floats picture = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  Labels mask = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  PictureMover mover;
  const Sizes shape = {1, 3, 3};
  mover.move({shape, picture, mask}, {.xx = 0.0, .xy = 1.0, .yx = -1.0, .yy = 0.0});
  EXPECT_EQ(picture, (Floats{3, 6, 9, 2, 5, 8, 1, 4, 7}));
  EXPECT_EQ(mask, (Labels{3, 6, 9, 2, 5, 8, 1, 4, 7}));
}

// Each old pixel weighs by tents over x and y, in double precision: another way to say bilinear.
double between_pixels(const Floats& picture, int height, int width, double y, double x) {
  double sum = 0.0;
  for (int i = 0; i < height; ++i) {
    for (int j = 0; j < width; ++j) {
      sum += std::max(0.0, 1.0 - std::abs(y - i)) * std::max(0.0, 1.0 - std::abs(x - j)) *
             double{picture[static_cast<std::size_t>(i * width + j)]};
    }
  }
  return sum;
}

TEST(Augmentation, MovedPicturesAreWeightedBetweenPixelsAndMasksTakeTheNearest) {
  constexpr int kHeight = 6, kWidth = 9;
  const Floats before = normal_values(kHeight * kWidth);
  Labels classes(kHeight * kWidth);
  std::iota(classes.begin(), classes.end(), 0);
  const Affine from{.xx = 0.8, .xy = 0.3, .yx = -0.25, .yy = 1.1, .x0 = 0.7, .y0 = -1.2};
  Floats after = before;
  Labels mask = classes;
  PictureMover mover;
  const Sizes shape = {1, kHeight, kWidth};
  mover.move({shape, after, mask}, from);
  int outside = 0;
  for (int i = 0; i < kHeight * kWidth; ++i) {
    const double x = i % kWidth - 4.0, y = i / kWidth - 2.5;
    const double old_x = from.xx * x + from.xy * y + from.x0 + 4.0;
    const double old_y = from.yx * x + from.yy * y + from.y0 + 2.5;
    const auto at = static_cast<std::size_t>(i);
    EXPECT_NEAR(after[at], between_pixels(before, kHeight, kWidth, old_y, old_x), 1e-6);
    const int near_y = static_cast<int>(std::lround(old_y));
    const int near_x = static_cast<int>(std::lround(old_x));
    const bool inside = near_y >= 0 && near_y < kHeight && near_x >= 0 && near_x < kWidth;
    EXPECT_EQ(mask[at], inside ? near_y * kWidth + near_x : -1);
    outside += inside ? 0 : 1;
  }
  EXPECT_GT(outside, 0);
}

// What the mover does to the corner of a picture with one bright pixel tells the angle.
TEST(Augmentation, ARotationStaysWithinItsDegreesToBothSides) {
  double least = 0.0, most = 0.0;
  for (std::uint64_t place = 0; place < 300; ++place) {
    Floats ramp(15 * 15);
    for (int i = 0; i < 15 * 15; ++i)
      ramp[static_cast<std::size_t>(i)] = static_cast<float>(i % 15 - 7);
    const Floats after =
        changed("rotate", {{"degrees", 20.0}}, {1, 15, 15}, ramp, {}, place).inputs;
    // x_old = x cos + y sin: at one step to the right of the centre, and one below it.
    const double angle = std::atan2(double{after[8 * 15 + 7]}, double{after[7 * 15 + 8]});
    least = std::min(least, angle);
    most = std::max(most, angle);
  }
  constexpr double kMost = 20.0 * 3.14159265358979 / 180.0;
  EXPECT_LE(most, kMost + 1e-6);
  EXPECT_GE(least, -kMost - 1e-6);
  EXPECT_GT(most, 0.9 * kMost);
  EXPECT_LT(least, -0.9 * kMost);
}

TEST(Augmentation, AZoomStaysWithinItsFactorsInBothDirections) {
  double least = 9.0, most = 0.0;
  for (std::uint64_t place = 0; place < 300; ++place) {
    Floats ramp(15 * 15);
    for (int i = 0; i < 15 * 15; ++i)
      ramp[static_cast<std::size_t>(i)] = static_cast<float>(i % 15 - 7);
    const Floats after = changed("zoom", {{"most", 0.25}}, {1, 15, 15}, ramp, {}, place).inputs;
    const double factor = 1.0 / double{after[7 * 15 + 8]};
    least = std::min(least, factor);
    most = std::max(most, factor);
  }
  EXPECT_GE(least, 0.75 - 1e-6);
  EXPECT_LT(least, 0.8);
  EXPECT_LE(most, 1.25 + 1e-6);
  EXPECT_GT(most, 1.2);
}

OptionMap colour(double brightness, double contrast, double saturation) {
  return {{"brightness", brightness}, {"contrast", contrast}, {"saturation", saturation}};
}

double grey_of(const Floats& picture, std::size_t pixel) {
  return 0.299 * double{picture[pixel]} + 0.587 * double{picture[pixel + 12]} +
         0.114 * double{picture[pixel + 24]};
}

TEST(Augmentation, ColourKeepsWhatEachOfItsPartsLeavesAlone) {
  const Sizes shape = {3, 3, 4};
  const Floats before = normal_values(36);
  const Floats brighter = changed("colour", colour(0.5, 0, 0), shape, before).inputs;
  const double factor = double{brighter[0]} / double{before[0]};
  EXPECT_GT(std::abs(factor - 1.0), 0.01);
  EXPECT_LE(std::abs(factor - 1.0), 0.5);
  double mean = 0.0;
  for (std::size_t i = 0; i < 12; ++i) mean += grey_of(before, i) / 12.0;
  const Floats harder = changed("colour", colour(0, 0.5, 0), shape, before).inputs;
  const double away = (double{harder[0]} - mean) / (double{before[0]} - mean);
  EXPECT_GT(std::abs(away - 1.0), 0.01);
  const Floats richer = changed("colour", colour(0, 0, 0.5), shape, before).inputs;
  const double rich =
      (double{richer[0]} - grey_of(before, 0)) / (double{before[0]} - grey_of(before, 0));
  EXPECT_GT(std::abs(rich - 1.0), 0.01);
  for (std::size_t i = 0; i < 36; ++i) {
    EXPECT_NEAR(brighter[i], factor * double{before[i]}, 1e-5);
    EXPECT_NEAR(double{harder[i]} - mean, away * (double{before[i]} - mean), 1e-5);
    EXPECT_NEAR(double{richer[i]} - grey_of(before, i % 12),
                rich * (double{before[i]} - grey_of(before, i % 12)), 1e-5);
    EXPECT_NEAR(grey_of(richer, i % 12), grey_of(before, i % 12), 1e-5);
  }
}

TEST(Augmentation, NoiseIsNormalWithItsDeviation) {
  const std::size_t count = 20'000;
  const Floats after =
      changed("noise", {{"deviation", 0.5}}, {static_cast<std::int64_t>(count)}, Floats(count))
          .inputs;
  double mean = 0.0, squares = 0.0;
  for (const float value : after) {
    mean += double{value} / static_cast<double>(count);
    squares += double{value} * double{value} / static_cast<double>(count);
  }
  EXPECT_NEAR(mean, 0.0, 4 * 0.5 / std::sqrt(count));
  EXPECT_NEAR(squares, 0.25, 4 * 0.25 * std::sqrt(2.0 / count));
}

TEST(Augmentation, ACutoutIsOneRectangleOfAllChannels) {
  std::set<std::size_t> areas;
  for (std::uint64_t place = 0; place < 100; ++place) {
    const Floats after =
        changed("cutout", {{"size", std::int64_t{4}}}, {2, 8, 9}, Floats(2 * 72, 1.0F), {}, place)
            .inputs;
    std::size_t top = 8, bottom = 0, left = 9, right = 0, gone = 0;
    for (std::size_t i = 0; i < 72; ++i) {
      EXPECT_EQ(after[i], after[i + 72]);
      if (after[i] != 0.0F) continue;
      ++gone;
      top = std::min(top, i / 9);
      bottom = std::max(bottom, i / 9);
      left = std::min(left, i % 9);
      right = std::max(right, i % 9);
    }
    EXPECT_EQ(gone, (bottom - top + 1) * (right - left + 1));
    EXPECT_LE(bottom - top, 3u);
    EXPECT_LE(right - left, 3u);
    areas.insert(gone);
  }
  EXPECT_EQ(*areas.rbegin(), 16u);
  EXPECT_LT(*areas.begin(), 16u) << "a part may lie outside";
}

TEST(Augmentation, ScaleHasOneFactorForEachFeature) {
  const Floats before = normal_values(30);
  const Floats after = changed("scale", {{"deviation", 0.3}}, {10, 3}, before).inputs;
  std::set<double> factors;
  for (std::size_t feature = 0; feature < 3; ++feature) {
    const double factor = double{after[feature]} / double{before[feature]};
    factors.insert(factor);
    for (std::size_t t = 0; t < 10; ++t)
      EXPECT_NEAR(after[t * 3 + feature], factor * double{before[t * 3 + feature]}, 1e-5);
  }
  EXPECT_EQ(factors.size(), 3u);
}

// A series that tells the time shows where each step came from.
Floats times(std::size_t steps) {
  Floats series(steps);
  std::iota(series.begin(), series.end(), 0.0F);
  return series;
}

TEST(Augmentation, WarpedTimeRunsForwardsBetweenTheSameEnds) {
  double furthest = 0.0;
  for (std::uint64_t place = 0; place < 50; ++place) {
    const Floats after =
        changed("time_warp", {{"deviation", 0.5}}, {40, 1}, times(40), {}, place).inputs;
    EXPECT_EQ(after.front(), 0.0F);
    EXPECT_NEAR(after.back(), 39.0, 1e-4);
    for (std::size_t t = 1; t < 40; ++t) {
      EXPECT_GT(after[t], after[t - 1]);
      furthest = std::max(furthest, std::abs(double{after[t]} - static_cast<double>(t)));
    }
  }
  EXPECT_GT(furthest, 2.0);
}

TEST(Augmentation, AWindowIsAPartOfTheSeriesStretched) {
  double least = 99.0, most = 0.0;
  for (std::uint64_t place = 0; place < 100; ++place) {
    const Floats after =
        changed("window_slice", {{"share", 0.5}}, {21, 1}, times(21), {}, place).inputs;
    for (std::size_t t = 0; t < 21; ++t)
      EXPECT_NEAR(after[t], double{after[0]} + 0.5 * static_cast<double>(t), 1e-4);
    least = std::min(least, double{after[0]});
    most = std::max(most, double{after[0]});
  }
  EXPECT_GE(least, 0.0);
  EXPECT_LT(least, 1.0);
  EXPECT_GT(most, 9.0);
  EXPECT_LE(most, 10.0 + 1e-4);
}

TEST(Augmentation, ASeriesBetweenTwoStepsLiesOnTheLineBetweenThem) {
  Floats series = {0, 10, 4, 30};  // two features, two steps
  SeriesMover mover;
  const Sizes shape = {2, 2};
  const std::vector<double> from = {0.25, 1.0};
  mover.move({shape, series}, from);
  EXPECT_EQ(series, (Floats{1, 15, 4, 30}));
}

// Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2 a + 1)).
TEST(Augmentation, SharesOfMixupAreOfTheBetaDistribution) {
  const Augmentation& mixup = **find_augmentation("mixup");
  for (const double alpha : {0.2, 1.0, 3.0}) {
    SeededRandom random(5);
    const OptionMap options = {{"alpha", alpha}};
    constexpr int kDraws = 20'000;
    double mean = 0.0, variance = 0.0;
    for (int i = 0; i < kDraws; ++i) {
      const double share = mixup.kept(options, random);
      ASSERT_GE(share, 0.0);
      ASSERT_LE(share, 1.0);
      mean += share / kDraws;
      variance += (share - 0.5) * (share - 0.5) / kDraws;
    }
    const double expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
    EXPECT_NEAR(mean, 0.5, 4.0 * std::sqrt(expected / kDraws)) << alpha;
    EXPECT_NEAR(variance, expected, 0.004) << alpha;
  }
}

TEST(Augmentation, MixupHasAPartnerForEachRow) {
  const std::vector<PluginChoice> list = {choose(augmentations(), "mixup")};
  const auto augmenter = Augmenter::make(list, 1);
  const auto mix = augmenter->mix(10, 30);
  ASSERT_TRUE(mix);
  Labels sorted = mix->partners;
  std::ranges::sort(sorted);
  Labels all(10);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(sorted, all);
  EXPECT_NE(mix->partners, all);
  EXPECT_EQ(augmenter->mix(10, 30)->partners, mix->partners);
  EXPECT_NE(augmenter->mix(10, 40)->partners, mix->partners);
}

TEST(Augmentation, ARowFollowsFromItsPlaceAndView) {
  const std::vector<PluginChoice> list = {choose(augmentations(), "scale"),
                                          choose(augmentations(), "noise")};
  const Sizes shape = {4, 2};
  const auto row = [&](std::span<const PluginChoice> chosen, std::uint64_t seed,
                       std::uint64_t place, std::uint64_t view) {
    Floats inputs = normal_values(8);
    Augmenter::make(chosen, seed)->change({shape, inputs}, place, view);
    return inputs;
  };
  const Floats usual = row(list, 1, 5, 0);
  EXPECT_EQ(row(list, 1, 5, 0), usual);
  EXPECT_NE(row(list, 2, 5, 0), usual);
  EXPECT_NE(row(list, 1, 6, 0), usual);
  EXPECT_NE(row(list, 1, 5, 1), usual);
  EXPECT_NE(row(std::vector{list[1], list[0]}, 1, 5, 0), usual) << "they come in the list's order";
}

TEST(Augmentation, AnUnknownOneIsRefused) {
  const std::vector<PluginChoice> list = {{"blur", {}}};
  const auto augmenter = Augmenter::make(list, 1);
  ASSERT_FALSE(augmenter);
  EXPECT_EQ(augmenter.error().message, "there is no augmentation 'blur' in this client");
}

// 30 rows of class 0, 8 of class 1 and one of class 2; the last two columns are a category.
ExampleSet uneven() {
  SeededRandom random(9);
  ExampleSet data{{5}, 39, {}, {}, {}};
  for (int i = 0; i < 39; ++i) {
    data.labels.push_back(i < 30 ? 0 : i < 38 ? 1 : 2);
    for (int j = 0; j < 3; ++j) data.inputs.push_back(static_cast<float>(random.normal()));
    const float word = random.uniform() < 0.5 ? 1.0F : 0.0F;
    data.inputs.insert(data.inputs.end(), {word, 1.0F - word});
  }
  return data;
}

Floats row_of(const ExampleSet& data, std::int64_t row) {
  const auto from = data.inputs.begin() + row * 5;
  return {from, from + 5};
}

double distance(const Floats& a, const Floats& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += (double{a[i]} - double{b[i]}) * (double{a[i]} - double{b[i]});
  return sum;
}

// Whether the new row lies between a row of its class and one of its so many nearest there.
bool lies_between(const ExampleSet& all, std::int64_t made, std::size_t neighbours) {
  const Floats row = row_of(all, made);
  for (std::int64_t base = 30; base < 38; ++base) {
    std::vector<std::pair<double, std::int64_t>> nearest;
    for (std::int64_t other = 30; other < 38; ++other) {
      if (other != base)
        nearest.emplace_back(distance(row_of(all, base), row_of(all, other)), other);
    }
    std::ranges::sort(nearest);
    for (std::size_t i = 0; i < neighbours; ++i) {
      const Floats a = row_of(all, base), b = row_of(all, nearest[i].second);
      const double gap = (double{row[0]} - double{a[0]}) / (double{b[0]} - double{a[0]});
      bool fits = gap >= 0.0 && gap <= 1.0;
      for (std::size_t j = 0; j < 3; ++j)
        fits = fits && std::abs(double{row[j]} -
                                (double{a[j]} + gap * (double{b[j]} - double{a[j]}))) < 1e-5;
      for (std::size_t j = 3; j < 5; ++j) fits = fits && row[j] == (gap < 0.5 ? a[j] : b[j]);
      if (fits) return true;
    }
  }
  return false;
}

TEST(Augmentation, NewRowsOfSmoteLieBetweenNeighboursOfARareClass) {
  const ExampleSet data = uneven();
  const OptionMap options = {{"neighbours", std::int64_t{3}}};
  const std::vector<PluginChoice> list = {choose(augmentations(), "smote", options)};
  const auto all = Augmenter::make(list, 4)->grown(data);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->rows, 39 + 22) << "class 1 is brought to 30; between one row there is nothing";
  ASSERT_EQ(all->inputs.size(), 5u * 61u);
  EXPECT_TRUE(std::ranges::equal(std::span(all->inputs).first(data.inputs.size()), data.inputs));
  EXPECT_EQ(std::ranges::count(all->labels, 1), 30);
  EXPECT_EQ(std::ranges::count(all->labels, 2), 1);
  for (std::int64_t row = 39; row < 61; ++row) {
    EXPECT_EQ(all->labels[static_cast<std::size_t>(row)], 1);
    EXPECT_TRUE(lies_between(*all, row, 3)) << row;
    EXPECT_EQ(row_of(*all, row)[3] + row_of(*all, row)[4], 1.0F) << "one category as before";
  }
  EXPECT_EQ(Augmenter::make(list, 4)->grown(data)->inputs, all->inputs);
  EXPECT_NE(Augmenter::make(list, 5)->grown(data)->inputs, all->inputs);
}

TEST(Augmentation, SmoteBringsAClassToItsShareOfTheLargest) {
  const std::vector<PluginChoice> list = {choose(augmentations(), "smote", {{"share", 0.5}})};
  EXPECT_EQ(std::ranges::count(Augmenter::make(list, 4)->grown(uneven())->labels, 1), 15);
  const std::vector<PluginChoice> less = {choose(augmentations(), "smote", {{"share", 0.1}})};
  EXPECT_EQ(Augmenter::make(less, 4)->grown(uneven())->inputs, uneven().inputs);
  ExampleSet none{{5}, 0, {}, {}, {}};
  EXPECT_EQ(Augmenter::make(list, 4)->grown(none)->rows, 0);
}

}  // namespace
}  // namespace tributary
