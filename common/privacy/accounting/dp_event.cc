// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/dp_event.h"

#include <bit>
#include <cmath>

namespace tributary {
namespace {

constexpr double kRateLeast = 1e-9;
constexpr std::uint64_t kStepsMost = 1'000'000'000;

Error wrong(const std::string& what) { return make_error(ErrorCode::kInvalidArgument, what); }

bool within(double value, double least, double most) {
  return std::isfinite(value) && value >= least && value <= most;
}

}  // namespace

Status check_event(const DpEvent& event, Adjacency adjacency) {
  if (!within(event.noise_multiplier, kNoiseMultiplierMin, kNoiseMultiplierMax))
    return wrong("a noise multiplier is " + std::to_string(event.noise_multiplier) +
                 "; it is a number from 0.01 to 1000000");
  if (!within(event.rate, kRateLeast, 1))
    return wrong("a sampling rate is " + std::to_string(event.rate) +
                 "; it is a number from 0.000000001 to 1");
  if (event.steps < 1 || event.steps > kStepsMost)
    return wrong("a number of steps is " + std::to_string(event.steps) +
                 "; it is one from 1 to 1000000000");
  if (event.trees < 1 || event.trees > kStepsMost ||
      (event.trees > 1 && event.mechanism != DpMechanism::kTree))
    return wrong("a number of trees is " + std::to_string(event.trees) +
                 "; it is one from 1 to 1000000000, and 1 where there is no tree");
  if (event.sampling == DpSampling::kEverything && event.rate != 1)
    return wrong("a sampling rate is given, and nothing is sampled");
  if (event.mechanism == DpMechanism::kTree && event.sampling != DpSampling::kEverything)
    return wrong("a tree has no use for sampling: its bound holds in whatever order units come");
  if (event.sampling == DpSampling::kPoisson && adjacency != Adjacency::kAddOrRemoveOne)
    return wrong("for Poisson samples neighbours differ by one unit more or less");
  if (event.sampling == DpSampling::kFixedSize && adjacency != Adjacency::kReplaceOne)
    return wrong("for samples of a fixed size neighbours differ by one unit that is another");
  return {};
}

double sensitivity_of(Adjacency adjacency) {
  return adjacency == Adjacency::kReplaceOne ? 2.0 : 1.0;
}

std::uint64_t tree_depth(std::uint64_t steps) {
  return static_cast<std::uint64_t>(std::bit_width(steps));  // ceil(log2(steps + 1))
}

double relative_noise(const DpEvent& event, Adjacency adjacency) {
  const double relative = event.noise_multiplier / sensitivity_of(adjacency);
  if (event.mechanism == DpMechanism::kGaussian) return relative;
  return relative / std::sqrt(static_cast<double>(tree_depth(event.steps)));
}

std::uint64_t applications_of(const DpEvent& event) {
  return event.mechanism == DpMechanism::kGaussian ? event.steps : event.trees;
}

std::vector<DpEvent> tree_events(double noise_multiplier, std::uint64_t steps,
                                 std::uint64_t leaves) {
  DpEvent tree{DpMechanism::kTree, DpSampling::kEverything, 1.0, noise_multiplier, leaves};
  std::vector<DpEvent> trees;
  tree.trees = steps / leaves;
  if (tree.trees > 0) trees.push_back(tree);
  tree.trees = 1;
  tree.steps = steps % leaves;
  if (tree.steps > 0) trees.push_back(tree);
  return trees;
}

}  // namespace tributary
