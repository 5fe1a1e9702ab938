// SPDX-License-Identifier: Apache-2.0
// Figure: one measured line of the table. Plain values.
#pragma once

#include <string>

namespace tributary::bench {

struct Figure {
  std::string key;    // in the JSON file
  std::string what;   // a line of the table
  double ours = 0.0;  // in `unit`
  double limit = 0.0;
  std::string unit;
  std::string limited_by;
  double target = 0.0;   // of ours / limit
  bool at_most = false;  // the target is a ceiling, not a floor
};

}  // namespace tributary::bench
