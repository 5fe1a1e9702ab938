// SPDX-License-Identifier: Apache-2.0
// Kernel figures: each kernel beside the speed at which this machine moves as many bytes, taken in
// the same run in random order. One thread.
#pragma once

#include <string>
#include <vector>

namespace tributary::bench {

struct Figure {
  std::string key;    // in the JSON file
  std::string what;   // a line of the table
  double ours = 0.0;  // in `unit`
  double limit = 0.0;
  std::string unit;
  std::string limited_by;
  double target = 0.0;  // of ours / limit
};

// Values of the vectors; the bytes are far beyond any cache.
std::vector<Figure> kernel_figures(std::size_t values, int repetitions);

}  // namespace tributary::bench
