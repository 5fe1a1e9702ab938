// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "client/data/series.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// A part of a series, stretched to its length (Le Guennec et al. 2016).
class WindowSlice final : public RowChange {
 public:
  explicit WindowSlice(const OptionMap& options) : share_(option<double>(options, "share")) {}

  void apply(const AugmentedRow& row, RandomSource& random) override {
    const SeriesSize size(row);
    const double place = random.uniform();
    if (size.steps < 2) return;
    const double last = static_cast<double>(size.steps - 1);
    const double length = share_ * last;
    times_.resize(size.steps);
    for (std::size_t t = 0; t < size.steps; ++t)
      times_[t] = place * (last - length) + static_cast<double>(t) * length / last;
    mover_.move(row, times_);
  }

 private:
  double share_;
  std::vector<double> times_;
  SeriesMover mover_;
};

}  // namespace

const Augmentation& window_slice_augmentation() {
  static constexpr Augmentation kWindowSlice{
      "window_slice", "A part of each series, stretched", [](const OptionMap& options) {
        return std::unique_ptr<RowChange>(std::make_unique<WindowSlice>(options));
      }};
  return kWindowSlice;
}

}  // namespace tributary
