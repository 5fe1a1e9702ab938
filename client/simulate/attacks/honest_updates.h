// SPDX-License-Identifier: Apache-2.0
// Figures of the honest updates of a round that omniscient attackers use, in double. Plain
// functions, any thread.
#pragma once

#include <span>
#include <vector>

namespace tributary {

using HonestUpdates = std::span<const std::span<const float>>;  // one at least, all of one size

std::vector<double> mean_of(HonestUpdates honest);
// Of the population, for each value; `mean` is mean_of(honest).
std::vector<double> deviations_of(HonestUpdates honest, std::span<const double> mean);
// The square of the distance of two updates.
double squared_distance(std::span<const float> a, std::span<const float> b);

}  // namespace tributary
