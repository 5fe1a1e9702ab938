// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/secagg/noisy_input.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/base/assert.h"
#include "common/base/short_number.h"
#include "common/privacy/accounting/distributed_gaussian.h"

namespace tributary {
namespace {

__extension__ using Wide = unsigned __int128;

// So many deviations of all noise together fit a number beside the updates: beyond, it goes around
// once in 10^15 values.
constexpr double kDeviationsThatFit = 8.0;
// The chance that a rounded update is too long, and how often it is rounded by chance at most.
constexpr double kLogTooLong = 20 * 0.69314718055994530942;
constexpr int kTries = 4;
// By how much a grid is made coarser until everything fits.
constexpr double kCoarser = 0.02;
// Of a step: more than the roundings of the sizes that follow from it.
constexpr double kSlack = 1e-9;
// Of the square of a length: more than its own rounding.
constexpr double kSquareSlack = 1e-12;

// How long an update of `values` coordinates may be, in steps, so that rounded it is hardly ever
// longer than `longest`: theorem 1 of the paper solved for the norm before; or for certain, where
// that leaves more.
double room_for(double longest, double values) {
  const double certain = longest - std::sqrt(values), by_chance = std::sqrt(2 * kLogTooLong);
  const double inside =
      by_chance * by_chance - 2 * by_chance * std::sqrt(values) - values + 4 * longest * longest;
  return inside > 0 ? std::max(certain, (std::sqrt(inside) - by_chance) / 2) : certain;
}

Error no_noise(const std::string& why) { return make_error(ErrorCode::kInvalidArgument, why); }

Status check(const SumNoise& noise) {
  const auto is_size = [](double value) { return std::isfinite(value) && value > 0.0; };
  if (is_size(noise.clip) && is_size(noise.range) && is_size(noise.multiplier) &&
      std::isfinite(noise.count_deviation) && noise.honest > 0 && noise.honest <= noise.members &&
      noise.values > 0) {
    return {};
  }
  return no_noise(
      "noise of sites takes a clip, a range, a noise multiplier, honest sites among "
      "the members and values above 0");
}

Error too_short(const SumNoise& plan) {
  return no_noise("numbers of " + std::to_string(plan.bits) +
                  " bits are too short for updates of " + std::to_string(plan.values) +
                  " values of " + std::to_string(plan.members) + " sites, of whom " +
                  std::to_string(plan.honest) + " are sure to add noise of the multiplier " +
                  short_number(plan.multiplier) +
                  ": rounding would take half of the clip. Use more bits, or a smaller range");
}

Wide square_of(std::int32_t number) {
  const auto size = static_cast<std::uint64_t>(std::abs(std::int64_t{number}));
  return Wide{size} * size;
}

}  // namespace

// The finest grid that fits the numbers, and on which the noise can be drawn. Where a step is no
// small part of the noise, it takes more of it than of one Gaussian, and a coarser grid to fit.
Result<NoisyCoding> NoisyCoding::make(const SumNoise& plan) {
  TRIB_CHECK_OK(check(plan));
  NoisyCoding made(plan);
  const auto members = static_cast<double>(plan.members), honest = static_cast<double>(plan.honest);
  const auto values = static_cast<double>(plan.values);
  const double range = std::min(plan.range, plan.clip);
  const double each = plan.multiplier * plan.clip / std::sqrt(honest);
  const double most = std::ldexp(1.0, static_cast<int>(plan.bits) - 1) - 1;
  const double of_noise = kDeviationsThatFit * std::sqrt(members);
  double sigma = 0.0;
  made.step_ = std::max((members * range + of_noise * each) / most, each / kSigmaMax);
  do {
    made.step_ *= 1 + kSlack + (sigma > 0 ? kCoarser : 0);
    made.longest_ = plan.clip / made.step_;
    made.largest_ = std::floor(range / made.step_);
    made.room_ = room_for(made.longest_, values);
    if (!(made.room_ >= made.longest_ / 2)) return too_short(plan);
    TRIB_TRY(of_each, sigma_of_each(plan.multiplier, made.longest_, plan.honest, plan.values));
    sigma = of_each;
  } while (members * made.largest_ + of_noise * sigma > most);
  TRIB_TRY(noise, make_exact_gaussian(sigma));
  made.noise_ = std::move(noise);
  if (plan.count_deviation > 0) {
    TRIB_TRY(of_count, sigma_of_each(plan.count_deviation, 1.0, plan.honest, 1));
    TRIB_TRY(count_noise, make_exact_gaussian(of_count));
    made.count_noise_ = std::move(count_noise);
  }
  return made;
}

double NoisyCoding::deviation_of(std::uint64_t members) const {
  return std::sqrt(static_cast<double>(members)) * sigma() * step_;
}

Result<std::vector<std::int32_t>> NoisyCoding::rounded(std::span<const float> update,
                                                       RandomSource& random) const {
  TRIB_ASSERT(update.size() == plan_.values, "as many values as the noise is made for");
  double squares = 0.0;
  for (const float value : update) squares += static_cast<double>(value) * value;
  const double norm = std::sqrt(squares) / step_;
  if (!std::isfinite(norm)) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "the update holds a value that is not a finite number");
  }
  const double factor = (norm > room_ ? room_ / norm : 1.0) / step_;
  const Wide allowed = static_cast<Wide>(std::floor(longest_ * longest_ * (1 - kSquareSlack)));
  std::vector<std::int32_t> numbers(update.size());
  for (int tries = 0; tries <= kTries; ++tries) {
    const bool by_chance = tries < kTries;
    Wide length = 0;
    for (std::size_t i = 0; i < update.size(); ++i) {
      const double value = std::clamp(static_cast<double>(update[i]) * factor, -largest_, largest_);
      // Up by chance as often as it lies above: by 53 random bits.
      numbers[i] = static_cast<std::int32_t>(by_chance ? std::floor(value + random.uniform())
                                                       : std::trunc(value));
      length += square_of(numbers[i]);
    }
    if (length <= allowed) return numbers;
  }
  return make_error(ErrorCode::kInternal, "an update that no rounding makes short enough");
}

Result<NoisyCoding::Coded> NoisyCoding::code(std::span<const float> update,
                                             RandomSource& random) const {
  TRIB_TRY(numbers, rounded(update, random));
  const std::uint32_t modulus = ~std::uint32_t{0} >> (32 - plan_.bits);
  Coded coded;
  coded.numbers.reserve(numbers.size());
  for (const std::int32_t number : numbers)
    coded.numbers.push_back(static_cast<std::uint32_t>(number + noise_->sample(random)) & modulus);
  if (!count_noise_) return coded;
  double squares = 0.0;
  for (const float value : update) squares += static_cast<double>(value) * value;
  const std::int64_t within = std::sqrt(squares) <= plan_.clip ? 1 : -1;
  coded.count = static_cast<std::uint64_t>(within + count_noise_->sample(random));
  return coded;
}

}  // namespace tributary
