// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "client/data/picture.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Brightness times a factor, then contrast away from or to the picture's mean grey, then saturation
// away from or to each pixel's own grey. Nothing is cut off: inputs need not lie in 0 to 1.
class Colour final : public RowChange {
 public:
  explicit Colour(const OptionMap& options)
      : brightness_(option<double>(options, "brightness")),
        contrast_(option<double>(options, "contrast")),
        saturation_(option<double>(options, "saturation")) {}

  void apply(const AugmentedRow& row, RandomSource& random) override {
    const PictureSize size(row);
    const double brightness = factor(brightness_, random);
    const double contrast = factor(contrast_, random);
    const double saturation = factor(saturation_, random);
    for (float& value : row.inputs) value = static_cast<float>(brightness * double{value});
    if (contrast_ > 0.0) {
      double mean = 0.0;
      for (std::size_t i = 0; i < size.pixels(); ++i) mean += grey(row, size, i);
      mean /= static_cast<double>(size.pixels());
      for (float& value : row.inputs)
        value = static_cast<float>(mean + contrast * (double{value} - mean));
    }
    if (saturation_ == 0.0 || size.channels == 1) return;
    for (std::size_t i = 0; i < size.pixels(); ++i) {
      const double own = grey(row, size, i);
      for (std::size_t channel = 0; channel < size.channels; ++channel) {
        float& value = row.inputs[channel * size.pixels() + i];
        value = static_cast<float>(own + saturation * (double{value} - own));
      }
    }
  }

 private:
  // From 1 - most, but not below 0, to 1 + most.
  static double factor(double most, RandomSource& random) {
    const double least = std::max(0.0, 1.0 - most);
    return least + (1.0 + most - least) * random.uniform();
  }
  // Of red, green and blue as ITU-R BT.601 weighs them; of other channels the mean.
  static double grey(const AugmentedRow& row, const PictureSize& size, std::size_t pixel) {
    static constexpr double kWeights[] = {0.299, 0.587, 0.114};
    double sum = 0.0;
    for (std::size_t channel = 0; channel < size.channels; ++channel) {
      const double weight =
          size.channels == 3 ? kWeights[channel] : 1.0 / static_cast<double>(size.channels);
      sum += weight * double{row.inputs[channel * size.pixels() + pixel]};
    }
    return sum;
  }

  double brightness_, contrast_, saturation_;
};

}  // namespace

const Augmentation& colour_augmentation() {
  static constexpr Augmentation kColour{
      "colour", "Pictures with other brightness, contrast and saturation",
      [](const OptionMap& options) {
        return std::unique_ptr<RowChange>(std::make_unique<Colour>(options));
      }};
  return kColour;
}

}  // namespace tributary
