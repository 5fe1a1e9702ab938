// SPDX-License-Identifier: Apache-2.0
// Moves series in time. Owned by one augmentation, one thread; it draws nothing.
#pragma once

#include <span>
#include <vector>

#include "client/data/augmentation.h"

namespace tributary {

// The sizes of a row that is a series, [steps, features]; any other shape is a fault of ours.
struct SeriesSize {
  explicit SeriesSize(const AugmentedRow& row);
  std::size_t steps, features;
};

class SeriesMover {
 public:
  // The values of step t become those at the old time from[t], 0 to steps - 1; between two steps,
  // on the line between them.
  void move(const AugmentedRow& row, std::span<const double> from);

 private:
  std::vector<float> before_;
};

}  // namespace tributary
