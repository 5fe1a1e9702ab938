// SPDX-License-Identifier: Apache-2.0
// Kernel figures: each kernel beside the speed at which this machine moves as many bytes, taken in
// the same run in random order. One thread.
#pragma once

#include <vector>

#include "tests/bench/figure.h"

namespace tributary::bench {

// Values of the vectors; the bytes are far beyond any cache.
std::vector<Figure> kernel_figures(std::size_t values, int repetitions);

}  // namespace tributary::bench
