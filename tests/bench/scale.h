// SPDX-License-Identifier: Apache-2.0
// What many sites, many rounds and large models cost a coordinator.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/figure.h"

namespace tributary::bench {

// Each takes minutes, with a folder for all state, and prints a line of progress.
std::vector<Figure> thousand_rounds(const std::string& folder);
// The sites' files lie in memory: 500 sites have 500 disks, not one with the coordinator.
std::vector<Figure> five_hundred_sites(const std::string& folder);
std::vector<Figure> five_hundred_mb(const std::string& folder);
// Six sites with a model of 3.4 GB: 60 GB of files, 12 GB of memory.
std::vector<Figure> large_model(const std::string& folder);
std::vector<Figure> five_thousand_sites(const std::string& folder);
std::vector<Figure> idle_sites(const std::string& folder);

}  // namespace tributary::bench
