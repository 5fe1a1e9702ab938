// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include "client/data/series.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Time runs faster and slower by turns (after Um et al. 2017): speeds are drawn at the ends and at
// knots between them, and lie on lines between these; beginning and end stay where they are. Speeds
// are log-normal, so that time never runs backwards.
class TimeWarp final : public RowChange {
 public:
  explicit TimeWarp(const OptionMap& options)
      : deviation_(option<double>(options, "deviation")),
        speeds_(static_cast<std::size_t>(option<std::int64_t>(options, "knots")) + 2) {}

  void apply(const AugmentedRow& row, RandomSource& random) override {
    const SeriesSize size(row);
    for (double& speed : speeds_) speed = std::exp(deviation_ * random.normal());
    if (size.steps < 2) return;
    const double last = static_cast<double>(size.steps - 1);
    times_.assign(size.steps, 0.0);
    for (std::size_t t = 1; t < size.steps; ++t)
      times_[t] = times_[t - 1] + speed_at((static_cast<double>(t) - 0.5) / last);
    const double all = times_.back();
    for (double& time : times_) time = time * last / all;
    mover_.move(row, times_);
  }

 private:
  double speed_at(double share) const {
    const double place = share * static_cast<double>(speeds_.size() - 1);
    const auto knot = static_cast<std::size_t>(place);
    const double beyond = place - static_cast<double>(knot);
    return (1.0 - beyond) * speeds_[knot] + beyond * speeds_[knot + 1];
  }

  double deviation_;
  std::vector<double> speeds_, times_;
  SeriesMover mover_;
};

}  // namespace

const Augmentation& time_warp_augmentation() {
  static constexpr Augmentation kTimeWarp{
      "time_warp", "Series whose time runs faster and slower", [](const OptionMap& options) {
        return std::unique_ptr<RowChange>(std::make_unique<TimeWarp>(options));
      }};
  return kTimeWarp;
}

}  // namespace tributary
