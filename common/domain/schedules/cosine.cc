// SPDX-License-Identifier: Apache-2.0
// Half a cosine from 1 to `minimum` (Loshchilov and Hutter 2017, SGDR, without restarts). `minimum`
// itself would come after the last round: no round goes without learning.
#include <numbers>

#include "common/domain/options.h"
#include "common/domain/schedule.h"

namespace tributary {
namespace {

// cos(x) for 0 <= x <= pi / 2: Taylor up to x^24, whose rest is below 2^-70 there.
double cosine(double x) {
  const double square = x * x;
  double sum = 1.0;
  for (int k = 12; k >= 1; --k) sum = 1.0 - sum * square / ((2 * k - 1) * (2 * k));
  return sum;
}

}  // namespace

const LearningRateSchedule& cosine_schedule() {
  static constexpr LearningRateSchedule kSchedule{
      "cosine", "minimum + (1 - minimum) * (1 + cos(pi * s / S)) / 2",
      [](const OptionMap& options, std::uint32_t s, std::uint32_t rounds) {
        const double minimum = option<double>(options, "minimum");
        const double part = static_cast<double>(s) / static_cast<double>(rounds);
        const double half = cosine(std::numbers::pi / 2 * part);  // (1 + cos(2x)) / 2 = cos(x)^2
        return minimum + (1.0 - minimum) * (half * half);
      }};
  return kSchedule;
}

}  // namespace tributary
