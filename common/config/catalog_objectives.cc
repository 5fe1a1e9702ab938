// SPDX-License-Identifier: Apache-2.0
#include "common/config/catalog_options.h"

namespace tributary {

using namespace catalog;

namespace {

OptionSchema chance(std::string name, double fallback, std::string help) {
  return number(std::move(name), {.min = 0.0, .max = 1.0}, fallback, std::move(help));
}

OptionSchema deviation(double fallback, std::string help) {
  return number("deviation", {.min = 0.0, .max = 1e6}, fallback, std::move(help));
}

std::vector<PluginSchema> of_pictures() {
  const AugmentationNeeds pictures{.pictures = true};
  return {{"flip",
           "Pictures mirrored by chance",
           {chance("horizontal", 0.5, "chance of left for right"),
            chance("vertical", 0.0, "chance of top for bottom")},
           {},
           {},
           pictures},
          {"crop",
           "Pictures shifted by a random window",
           {integer("padding", {0, 1024}, 4, "border around the picture that it may reach into")},
           {},
           {},
           pictures},
          {"rotate",
           "Pictures turned about their centre",
           {number("degrees", {.min = 0.0, .max = 180.0}, 10.0, "at most so far to either side")},
           {},
           {},
           pictures},
          {"zoom",
           "Pictures made larger or smaller about their centre",
           {number("most", kBelowOne, 0.1, "by a factor from 1 - most to 1 + most")},
           {},
           {},
           pictures},
          {"colour",
           "Pictures with other brightness, contrast and saturation",
           {number("brightness", kNotNegative, 0.2, "by a factor from 1 - this to 1 + this"),
            number("contrast", kNotNegative, 0.2, "likewise, away from the picture's mean grey"),
            number("saturation", kNotNegative, 0.2, "likewise, away from each pixel's grey")},
           {},
           {},
           pictures},
          {"cutout",
           "Pictures with a square set to zero",
           {integer("size", {0, 4096}, 8, "side of the square (DeVries and Taylor 2017)")},
           {},
           {},
           pictures}};
}

std::vector<PluginSchema> of_series() {
  const AugmentationNeeds series{.series = true};
  return {{"scale",
           "Series with each feature larger or smaller",
           {deviation(0.1, "of the factors, around 1 (Um et al. 2017)")},
           {},
           {},
           series},
          {"time_warp",
           "Series whose time runs faster and slower",
           {deviation(0.2, "of the speeds' logarithms; 0: time runs as it did"),
            integer("knots", {0, 1000}, 4,
                    "times between beginning and end with a speed of their "
                    "own")},
           {},
           {},
           series},
          {"window_slice",
           "A part of each series, stretched",
           {number("share", {.min = 0.0, .max = 1.0, .above_min = true}, 0.9,
                   "length of the part (Le Guennec et al. 2016); 1: all of it")},
           {},
           {},
           series}};
}

}  // namespace

const std::vector<PluginSchema>& augmentations() {
  static const std::vector<PluginSchema> kAugmentations = [] {
    std::vector<PluginSchema> all = of_pictures();
    all.push_back({"noise",
                   "Normal noise on each input",
                   {deviation(0.1, "of the noise; inputs are standardised or scaled before")}});
    for (PluginSchema& schema : of_series()) all.push_back(std::move(schema));
    all.push_back({"mixup",
                   "Each row mixed with another one, and their losses",
                   {number("alpha", {.min = 0.0, .max = 100.0}, 0.2,
                           "shares are of Beta(alpha, alpha) (Zhang et al. 2018); 0: no mixing")},
                   {},
                   {},
                   {.mixes = true}});
    all.push_back({"smote",
                   "New rows of rare classes, between those there are",
                   {integer("neighbours", {1, 1000}, 5,
                            "of a row in its class, one of which is drawn (Chawla et al. 2002)"),
                    number("share", {.min = 0.0, .max = 1.0, .above_min = true}, 1.0,
                           "rows of a class afterwards, of those of the largest")},
                   {},
                   {},
                   {.mixes = true, .whole_rows = true}});
    return all;
  }();
  return kAugmentations;
}

const std::vector<PluginSchema>& training_objectives() {
  static const std::vector<PluginSchema> kObjectives = {
      {"supervised", "The loss of the labels that rows have", {}},
      {"reconstruction",
       "Inputs from themselves: an autoencoder",
       {deviation(0.0,
                  "of noise on the inputs that the model is to take out (Vincent et al. "
                  "2008)")}},
      {"masked",
       "Hidden parts of the inputs from the others (He et al. 2022)",
       {number("share", kShare, 0.5, "of a row that is hidden, set to 0; of pictures about 0.75"),
        integer("patch", {1, 1024}, 4,
                "side of the squares of a picture that are hidden; of series steps are, of others "
                "single inputs")}},
      {"contrastive",
       "Two changed views of a row alike, and unlike other rows: SimCLR (Chen et al. 2020)",
       {number("temperature", {.min = 0.001, .max = 100.0}, 0.5, "smaller: near rows weigh more"),
        integer("width", {2, 65'536}, 64, "outputs of the model, which are the embedding")}},
      {"pseudo_labels",
       "Rows without a label by the model's own class, where it is sure (Lee 2013)",
       {number("threshold", {.min = 0.0, .max = 1.0, .below_max = true}, 0.95,
               "a class counts from this probability on"),
        number("weight", kPositive, 1.0, "of rows without a label, against the others"),
        integer("warmup", {0, limits::kRoundsMax}, 5, "rounds before they count")}},
      {"statistics", "Means over rows: what model: copula takes by itself", {}}};
  return kObjectives;
}

}  // namespace tributary
