// SPDX-License-Identifier: Apache-2.0
#include "client/data/split.h"

#include <algorithm>
#include <cmath>

#include "common/base/random_source.h"

namespace tributary {

RowSplit split_rows(const std::vector<std::size_t>& rows, double fraction, std::uint64_t seed) {
  std::vector<std::size_t> drawn = rows;
  SeededRandom random(derive_seed(seed, "validation"));
  random.shuffle(drawn);
  const auto held_out =
      static_cast<std::ptrdiff_t>(std::llround(static_cast<double>(rows.size()) * fraction));
  RowSplit split{{drawn.begin() + held_out, drawn.end()},
                 {drawn.begin(), drawn.begin() + held_out}};
  std::ranges::sort(split.training);
  std::ranges::sort(split.validation);
  return split;
}

}  // namespace tributary
