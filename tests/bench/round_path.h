// SPDX-License-Identifier: Apache-2.0
// The whole path of a round, with a real coordinator and real clients over mutual TLS, beside what
// the same bytes take through bare TLS.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/figure.h"

namespace tributary::bench {

// `folder` is for state and updates: 4 GB with ten sites of 25 million values, 20 GB with fifty.
// Prints a line of progress for each step.
std::vector<Figure> ten_sites(const std::string& folder, int rounds);
std::vector<Figure> fifty_sites(const std::string& folder);

}  // namespace tributary::bench
