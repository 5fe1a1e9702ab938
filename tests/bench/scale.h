// SPDX-License-Identifier: Apache-2.0
// What many sites, many rounds and large models cost a coordinator.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/figure.h"

namespace tributary::bench {

// Takes minutes; prints a line of progress for each step.
std::vector<Figure> scale_figures(const std::string& folder);

}  // namespace tributary::bench
