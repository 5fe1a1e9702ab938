// SPDX-License-Identifier: Apache-2.0
// The whole path of a round, with a real coordinator and real clients over mutual TLS, beside what
// the same bytes take through bare TLS.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/figure.h"

namespace tributary::bench {

struct RoundPathOptions {
  std::string folder;  // for state and updates; fifty sites of 25 million values take 20 GB
  bool quick = false;
};

// Prints a line of progress for each step.
std::vector<Figure> round_path_figures(const RoundPathOptions& options);

}  // namespace tributary::bench
