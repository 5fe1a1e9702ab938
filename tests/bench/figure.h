// SPDX-License-Identifier: Apache-2.0
// Figure: one measured line of the table; and the median, which is what is told. Plain values.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/assert.h"

namespace tributary::bench {

inline double median(std::vector<double> of) {
  TRIB_ASSERT(!of.empty(), "nothing was measured");
  std::ranges::nth_element(of, of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2));
  return of[of.size() / 2];
}

struct Figure {
  std::string key;    // in the JSON file
  std::string what;   // a line of the table
  double ours = 0.0;  // in `unit`
  double limit = 0.0;
  std::string unit;
  std::string limited_by;
  double target = 0.0;   // of ours / limit; 0: none
  bool at_most = false;  // the target is a ceiling, not a floor
};

}  // namespace tributary::bench
