// SPDX-License-Identifier: Apache-2.0
// PrivateMean: what makes a round's mean differentially private for whole sites (DP-FedAvg, McMahan
// et al. 2018, arXiv 1710.06963): every update is shortened to the clip and weighs 1, the sum gets
// discrete Gaussian noise, and it is divided by a number that was fixed before anybody came. Where
// the clip is adaptive, also the clip of the next round (Andrew et al. 2021, arXiv 1905.03871).
// Under secure aggregation the sites do all this instead (common/privacy/secagg/noisy_input.h).
// Owned by RoundAggregate, one thread at a time. It keeps no account of what a round costs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/base/random_source.h"
#include "common/base/result.h"
#include "common/domain/privacy_spec.h"
#include "common/privacy/noise/discrete_gaussian.h"
#include "coordinator/aggregation/exact_sum.h"
#include "coordinator/aggregation/tree_noise.h"

namespace tributary {

// The noise multiplier of the sum of updates: `noise_multiplier`, or more where the count for the
// adaptive clip takes its part of it. Infinite where the count alone takes more than all.
double noise_multiplier_of_sum(const SitePrivacy& promise);

class PrivateMean {
 public:
  // `clip`: of this round. `sites`: what the sum is divided by. `values`: of an update. `random`
  // outlives it; for noise that has to keep a secret it is SecureRandom. kInvalidArgument: no grid
  // is fine enough for so much noise on so many values.
  static Result<std::unique_ptr<PrivateMean>> open(const SitePrivacy& promise, double clip,
                                                   std::uint64_t sites, std::size_t values,
                                                   RandomSource& random);

  // Of the sum: a step of its grid is 2^-scale.
  int scale() const { return scale_; }
  // Counts an update of this L2 norm, and says what its values are multiplied by: as many steps as
  // the clip has bound the length of what it adds to the sum, its rounding included.
  double take(double norm);
  // Where the promise is of sums over rounds: this round's noise. Without it there is no mean.
  void use(TreeNoise noise) { over_rounds_.emplace(std::move(noise)); }
  // (sum + noise) / sites of the coordinates from `start` on: each call draws anew, but for noise
  // over rounds, whose coordinates come in order, and as before when they come again.
  void mean(const ExactSum& sum, std::size_t start, std::span<double> into);
  // From how many updates were within the clip, with noise on it; each call draws anew. The same
  // clip where it is not adaptive.
  double next_clip();

 private:
  PrivateMean(const SitePrivacy& promise, double clip, std::uint64_t sites, RandomSource& random)
      : promise_(promise), clip_(clip), sites_(static_cast<double>(sites)), random_(random) {}

  // In steps of the grid.
  void draw(std::size_t start, std::span<std::int64_t> into);

  SitePrivacy promise_;
  double clip_, sites_;
  RandomSource& random_;
  int scale_ = 0;
  double room_ = 0.0;                        // of an update's norm before it is rounded to the grid
  std::unique_ptr<DiscreteGaussian> noise_;  // of a round, or of a node over rounds
  std::optional<TreeNoise> over_rounds_;
  std::vector<std::int64_t> drawn_;
  std::unique_ptr<DiscreteGaussian> count_noise_;  // null: the clip stays
  std::int64_t within_ = 0;  // updates within the clip, less those that were longer
};

}  // namespace tributary
