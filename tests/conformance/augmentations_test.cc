// SPDX-License-Identifier: Apache-2.0
// Every registered augmentation: whatever it draws, a row keeps its shape and stays finite, the
// same seed gives the same bits, and at no strength nothing changes.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "client/data/augmentation.h"
#include "tests/support/plugin_options.h"

namespace tributary {
namespace {

using Sizes = std::vector<std::int64_t>;
using Floats = std::vector<float>;

// With these options an augmentation is to change nothing.
const std::map<std::string, OptionMap>& no_strength() {
  static const std::map<std::string, OptionMap> kNone = {
      {"flip", {{"horizontal", 0.0}, {"vertical", 0.0}}},
      {"crop", {{"padding", std::int64_t{0}}}},
      {"rotate", {{"degrees", 0.0}}},
      {"zoom", {{"most", 0.0}}},
      {"colour", {{"brightness", 0.0}, {"contrast", 0.0}, {"saturation", 0.0}}},
      {"cutout", {{"size", std::int64_t{0}}}},
      {"noise", {{"deviation", 0.0}}},
      {"scale", {{"deviation", 0.0}}},
      {"time_warp", {{"deviation", 0.0}}},
      {"window_slice", {{"share", 1.0}}},
      {"mixup", {{"alpha", 0.0}}},
      {"smote", {{"share", 1e-9}}}};
  return kNone;
}

// Shapes that it may meet, also those where there is hardly anything to change.
std::vector<Sizes> shapes_of(const PluginSchema& schema) {
  if (schema.augmentation.pictures) return {{3, 9, 12}, {1, 1, 1}, {2, 1, 7}, {4, 6, 1}};
  if (schema.augmentation.series) return {{24, 3}, {1, 2}, {2, 1}};
  return {{7}, {24, 3}, {3, 9, 12}, {1}};
}

Floats row_for(const Sizes& shape) {
  SeededRandom random(2);
  std::size_t size = 1;
  for (const std::int64_t one : shape) size *= static_cast<std::size_t>(one);
  Floats row(size);
  for (float& value : row) value = static_cast<float>(random.normal());
  return row;
}

Floats changed(const PluginChoice& choice, const Sizes& shape, std::uint64_t place) {
  Floats row = row_for(shape);
  Augmenter changes = Augmenter::make(std::span(&choice, 1), 7).value();
  changes.change({shape, row}, place, 0);
  return row;
}

bool changes_rows(const PluginSchema& schema) {
  return (*find_augmentation(schema.name))->make != nullptr;
}

TEST(Augmentations, EachHasOneOfTheThreeParts) {
  for (const Augmentation* one : augmentation_table()) {
    const int parts = (one->make != nullptr ? 1 : 0) + (one->kept != nullptr ? 1 : 0) +
                      (one->grow != nullptr ? 1 : 0);
    EXPECT_EQ(parts, 1) << one->name;
  }
}

TEST(Augmentations, RowsKeepTheirShapeStayFiniteAndFollowFromTheSeed) {
  for (const PluginSchema& schema : augmentations()) {
    if (!changes_rows(schema)) continue;
    SCOPED_TRACE(schema.name);
    const PluginChoice choice = choose(augmentations(), schema.name);
    bool differs = false;
    for (const Sizes& shape : shapes_of(schema)) {
      for (std::uint64_t place = 0; place < 50; ++place) {
        const Floats row = changed(choice, shape, place);
        EXPECT_EQ(row.size(), row_for(shape).size());
        for (const float value : row) EXPECT_TRUE(std::isfinite(value));
        EXPECT_EQ(changed(choice, shape, place), row);
        differs = differs || row != row_for(shape);
      }
    }
    EXPECT_TRUE(differs) << "it changes nothing";
  }
}

TEST(Augmentations, MasksKeepTheirClassesOrHaveNone) {
  const Sizes shape = {2, 9, 12};
  for (const PluginSchema& schema : augmentations()) {
    if (!schema.augmentation.pictures) continue;
    SCOPED_TRACE(schema.name);
    const PluginChoice choice = choose(augmentations(), schema.name);
    Augmenter augmenter = Augmenter::make(std::span(&choice, 1), 7).value();
    for (std::uint64_t place = 0; place < 50; ++place) {
      Floats row = row_for(shape);
      std::vector<std::int64_t> mask(9 * 12);
      for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = static_cast<std::int64_t>(i % 3);
      augmenter.change({shape, row, mask}, place, 0);
      for (const std::int64_t label : mask) {
        EXPECT_GE(label, -1);
        EXPECT_LT(label, 3);
      }
    }
  }
}

TEST(Augmentations, AtNoStrengthNothingChanges) {
  for (const PluginSchema& schema : augmentations()) {
    SCOPED_TRACE(schema.name);
    ASSERT_TRUE(no_strength().contains(schema.name)) << "say which options are no strength";
    const PluginChoice choice = choose(augmentations(), schema.name, no_strength().at(schema.name));
    const Augmentation& plugin = **find_augmentation(schema.name);
    for (std::uint64_t place = 0; plugin.make != nullptr && place < 20; ++place) {
      for (const Sizes& shape : shapes_of(schema))
        EXPECT_EQ(changed(choice, shape, place), row_for(shape));
    }
    SeededRandom random(1);
    if (plugin.kept != nullptr) {
      EXPECT_EQ(plugin.kept(choice.options, random), 1.0);
    }
    if (plugin.grow != nullptr) {
      ExampleSet data{{1}, 4, {1, 2, 3, 4}, {0, 0, 1, 1}, {}};
      plugin.grow(choice.options, data, random);
      EXPECT_EQ(data.rows, 4);
    }
  }
}

// What a plug-in does to some rows, or the shares or rows that it makes.
Floats shown(const PluginChoice& choice) {
  const auto schema = std::ranges::find(augmentations(), choice.name, &PluginSchema::name);
  const Augmentation& plugin = **find_augmentation(choice.name);
  Floats all;
  SeededRandom random(3);
  if (plugin.kept != nullptr) return {static_cast<float>(plugin.kept(choice.options, random))};
  if (plugin.grow != nullptr) {
    ExampleSet data{{1}, 24, {}, {}, {}};
    for (int i = 0; i < 24; ++i) {
      data.inputs.push_back(static_cast<float>(i * i));
      data.labels.push_back(i < 8 ? 1 : 0);
    }
    plugin.grow(choice.options, data, random);
    return {data.inputs.begin(), data.inputs.end()};
  }
  for (std::uint64_t place = 0; place < 20; ++place) {
    for (const float value : changed(choice, shapes_of(*schema)[0], place)) all.push_back(value);
  }
  return all;
}

TEST(Augmentations, EveryOptionDoesSomething) {
  for_every_option(augmentations(), [](const PluginChoice& usual, const PluginChoice& other) {
    EXPECT_NE(shown(usual), shown(other));
  });
}

}  // namespace
}  // namespace tributary
