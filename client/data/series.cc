// SPDX-License-Identifier: Apache-2.0
#include "client/data/series.h"

#include <algorithm>
#include <cmath>

#include "common/base/assert.h"

namespace tributary {

SeriesSize::SeriesSize(const AugmentedRow& row) {
  TRIB_ASSERT(row.shape.size() == 2, "a series is [steps, features]");
  steps = static_cast<std::size_t>(row.shape[0]);
  features = static_cast<std::size_t>(row.shape[1]);
  TRIB_ASSERT(row.inputs.size() == steps * features, "all values of the series");
}

void SeriesMover::move(const AugmentedRow& row, std::span<const double> from) {
  const SeriesSize size(row);
  TRIB_ASSERT(from.size() == size.steps, "a time for each step");
  before_.assign(row.inputs.begin(), row.inputs.end());
  for (std::size_t t = 0; t < size.steps; ++t) {
    const double time = std::clamp(from[t], 0.0, static_cast<double>(size.steps - 1));
    const auto earlier = static_cast<std::size_t>(time);
    const std::size_t later = std::min(earlier + 1, size.steps - 1);
    const double share = time - static_cast<double>(earlier);
    for (std::size_t i = 0; i < size.features; ++i) {
      const double a = before_[earlier * size.features + i];
      const double b = before_[later * size.features + i];
      row.inputs[t * size.features + i] = static_cast<float>((1.0 - share) * a + share * b);
    }
  }
}

}  // namespace tributary
