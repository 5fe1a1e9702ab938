// SPDX-License-Identifier: Apache-2.0
// Figures of secure sums: taking masks off at the coordinator, the protocol with a thousand sites,
// and what it adds to what a site sends.
#pragma once

#include <vector>

#include "tests/bench/figure.h"

namespace tributary::bench {

// Takes a minute.
std::vector<Figure> secure_sum_figures();

}  // namespace tributary::bench
