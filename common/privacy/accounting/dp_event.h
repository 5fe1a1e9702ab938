// SPDX-License-Identifier: Apache-2.0
// DpEvent: what an accountant has to know of one use of the data, and nothing of the data itself.
// A list of them can be accounted for again, by another accountant or another program: so it is
// they that are kept, and not an epsilon. Plain values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tributary {

// Two data sets are neighbours where one has one unit (record, client) more than the other, or
// where one unit is another. In the second case a sum of clipped terms moves by twice the clip.
enum class Adjacency { kAddOrRemoveOne, kReplaceOne };

enum class DpSampling {
  kEverything,  // each unit takes part in each step
  kPoisson,     // each unit takes part with probability `rate`, independently of all others
  kFixedSize,   // a share `rate` of the units, drawn without replacement for each step
};

enum class DpMechanism {
  kGaussian,  // noise on the sum of each step, independent of that of other steps
  kTree,  // DP-FTRL: noise on the nodes of a binary tree over the steps; each unit takes part once
};

// Outside, arithmetic ends before privacy does.
inline constexpr double kNoiseMultiplierMin = 0.01, kNoiseMultiplierMax = 1e6;

struct DpEvent {
  DpMechanism mechanism = DpMechanism::kGaussian;
  DpSampling sampling = DpSampling::kEverything;
  double rate = 1;  // in (0, 1]; 1 where everything takes part
  double noise_multiplier =
      0;  // standard deviation of the noise on the sum / clip norm of one unit
  std::uint64_t steps = 1;
  std::uint64_t trees = 1;  // kTree: so many of `steps` leaves; each unit takes part once in each

  bool operator==(const DpEvent&) const = default;
};

// What there is a bound for: Poisson samples under add-or-remove-one, samples of a fixed size under
// replace-one (their size is public), everything under both. kInvalidArgument names the value.
Status check_event(const DpEvent& event, Adjacency adjacency);

// How far one unit moves the sum, in clip norms.
double sensitivity_of(Adjacency adjacency);

// The depth of a tree over `steps` leaves: on so many nodes each step's term lies.
// Kairouz et al. 2021, arXiv 2103.00039.
std::uint64_t tree_depth(std::uint64_t steps);

// Of each event the standard deviation divided by what one unit moves the sum, in one application:
// a tree is one Gaussian mechanism whose sensitivity is the root of its depth.
double relative_noise(const DpEvent& event, Adjacency adjacency);
// How often that is applied.
std::uint64_t applications_of(const DpEvent& event);

// The events of so many steps whose noise is that of trees of `leaves`: all trees that are full,
// and the one that is begun, in which a unit may have taken part, too.
std::vector<DpEvent> tree_events(double noise_multiplier, std::uint64_t steps,
                                 std::uint64_t leaves);

}  // namespace tributary
