// SPDX-License-Identifier: Apache-2.0
#include "client/learning/record_privacy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/assert.h"
#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr double kStepsOfDeviation = 1 << 19;
constexpr double kForRounding = 1.0 / (1 << 20);  // of the clip

}  // namespace

std::uint64_t planned_batch(const TrainSpec& train, std::uint64_t rows) {
  if (train.batch_size <= 0) return rows;
  return std::min(rows, static_cast<std::uint64_t>(train.batch_size));
}

std::uint64_t training_steps(const TrainSpec& train, std::uint64_t rows) {
  if (train.steps > 0) return static_cast<std::uint64_t>(train.steps);
  const std::uint64_t batch = planned_batch(train, rows);
  return (rows + batch - 1) / batch * static_cast<std::uint64_t>(train.epochs);
}

DpEvent training_event(const RecordPrivacy& records, const TrainSpec& train, std::uint64_t rows) {
  DpEvent event;
  const std::uint64_t batch = planned_batch(train, rows);
  if (batch < rows) {
    event.sampling = DpSampling::kPoisson;
    event.rate = static_cast<double>(batch) / static_cast<double>(rows);
  }
  event.noise_multiplier = records.noise_multiplier;
  event.steps = training_steps(train, rows);
  return event;
}

PoissonBatches::PoissonBatches(std::uint64_t rows, std::uint64_t batch, RandomSource& random)
    : random_(random), rows_(rows), below_(0), all_(batch == rows) {
  TRIB_ASSERT(batch > 0 && batch <= rows && rows <= limits::kExamplesMax,
              "a sample has between 1 row and all of them");
  if (all_) return;
  __extension__ using Wide = unsigned __int128;
  below_ = static_cast<std::uint64_t>((Wide{batch} << 64) / rows);
}

std::span<const std::uint32_t> PoissonBatches::next() {
  drawn_.clear();
  for (std::uint64_t row = 0; row < rows_; ++row) {
    if (all_ || random_.next_u64() < below_) drawn_.push_back(static_cast<std::uint32_t>(row));
  }
  return drawn_;
}

Result<GradientNoise> GradientNoise::make(const RecordPrivacy& records, std::size_t values) {
  TRIB_TRY(noise, make_exact_gaussian(kStepsOfDeviation));
  GradientNoise made;
  made.noise_ = std::move(noise);
  made.step_ = records.noise_multiplier * records.clip / kStepsOfDeviation;
  made.clip_ =
      records.clip * (1.0 - kForRounding) - made.step_ * std::sqrt(static_cast<double>(values));
  if (!std::isnormal(made.step_) || !(made.clip_ >= records.clip / 2)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "privacy.records: noise of multiplier " +
                          std::to_string(records.noise_multiplier) + " on " +
                          std::to_string(values) +
                          " weights cannot be made fine enough; take less noise or a smaller "
                          "model");
  }
  return made;
}

void GradientNoise::apply(std::span<const double> sum, std::uint64_t batch, std::span<float> mean,
                          RandomSource& random) const {
  const double scale = step_ / static_cast<double>(batch);
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const std::int64_t noisy = std::llrint(sum[i] / step_) + noise_->sample(random);
    mean[i] = static_cast<float>(static_cast<double>(noisy) * scale);
  }
}

}  // namespace tributary
