// SPDX-License-Identifier: Apache-2.0
// What makes a training differentially private for single records, beside gradients: how often it
// uses them (for the ledger), which rows a step takes, and the noise. Plain values and functions,
// any thread. No Torch here; it computes no gradient and keeps no account.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/random_source.h"
#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/privacy/accounting/dp_event.h"
#include "common/privacy/noise/discrete_gaussian.h"

namespace tributary {

// Rows that a batch has; of a private training: that it has on average. `rows` > 0.
std::uint64_t planned_batch(const TrainSpec& train, std::uint64_t rows);
// Batches of one training.
std::uint64_t training_steps(const TrainSpec& train, std::uint64_t rows);
// One training of a site with so many rows, as its accountant sees it.
DpEvent training_event(const RecordPrivacy& records, const TrainSpec& train, std::uint64_t rows);

// Poisson samples: each row is in each batch with probability batch / rows, never more, whatever
// the others do. Who could foretell the random numbers would know who is in: they are
// SecureRandom's. One owner, one thread.
class PoissonBatches {
 public:
  // `random` outlives it; 0 < batch <= rows.
  PoissonBatches(std::uint64_t rows, std::uint64_t batch, RandomSource& random);
  // Ascending; empty where nothing was drawn; valid until the next call.
  std::span<const std::uint32_t> next();

 private:
  RandomSource& random_;
  std::uint64_t rows_;
  std::uint64_t below_;  // a row is drawn where a random number is
  bool all_;
  std::vector<std::uint32_t> drawn_;
};

// Noise in whole steps of a grid, 2^19 of which are its standard deviation. Sums are put on the
// grid first, by which one row may move them by the root of their size in steps, beside its
// gradient: so a gradient is clipped to that much less. Another 2^-20 of the clip is for the
// rounding of sums in double precision, of up to half a million rows. Immutable, any thread.
class GradientNoise {
 public:
  // For sums of so many values. kInvalidArgument: no noise is that small or large, or the grid
  // would leave less than half of the clip.
  static Result<GradientNoise> make(const RecordPrivacy& records, std::size_t values);

  double clip() const { return clip_; }  // of a row's gradient
  double step() const { return step_; }  // of the grid
  // (sum + noise) / batch.
  void apply(std::span<const double> sum, std::uint64_t batch, std::span<float> mean,
             RandomSource& random) const;

 private:
  GradientNoise() = default;

  std::shared_ptr<const DiscreteGaussian> noise_;
  double clip_ = 0, step_ = 0;
};

}  // namespace tributary
