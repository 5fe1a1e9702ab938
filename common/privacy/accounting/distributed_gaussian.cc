// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/distributed_gaussian.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tributary {
namespace {

// Terms get smaller with k: those after so many count as if each were the last of these.
constexpr std::uint64_t kTermsMax = 1'000;
// Of the deviation that is found.
constexpr double kFine = 1e-12;

}  // namespace

double distance_from_one_gaussian(double sigma, std::uint64_t honest) {
  constexpr double kPi = std::numbers::pi;
  double sum = 0.0, last = 0.0;
  const std::uint64_t terms = honest > 0 ? honest - 1 : 0, summed = std::min(terms, kTermsMax);
  for (std::uint64_t i = 1; i <= summed; ++i) {
    const auto k = static_cast<double>(i);
    last = std::exp(-2.0 * kPi * kPi * sigma * sigma * k / (k + 1.0));
    sum += last;
  }
  return 10.0 * (sum + static_cast<double>(terms - summed) * last);
}

double multiplier_of_all(double sigma, double sensitivity, std::uint64_t honest,
                         std::uint64_t values) {
  return 1.0 / (sensitivity / (std::sqrt(static_cast<double>(honest)) * sigma) +
                std::sqrt(static_cast<double>(values)) * distance_from_one_gaussian(sigma, honest));
}

Result<double> sigma_of_each(double z, double sensitivity, std::uint64_t honest,
                             std::uint64_t values) {
  const auto is_size = [](double value) { return std::isfinite(value) && value > 0.0; };
  if (!is_size(z) || !is_size(sensitivity) || honest == 0 || values == 0) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "noise of many takes a multiplier, a sensitivity, parties and values above 0");
  }
  const auto enough = [&](double sigma) {
    return multiplier_of_all(sigma, sensitivity, honest, values) >= z;
  };
  double low = kSigmaOfEachMin;
  if (enough(low)) return low;
  low = std::max(low, z * sensitivity / std::sqrt(static_cast<double>(honest)));
  if (enough(low)) return low;
  double high = low * (1.0 + kFine);
  while (!enough(high) && std::isfinite(high)) high = low + 2.0 * (high - low);
  if (!std::isfinite(high))
    return make_error(ErrorCode::kInvalidArgument, "noise of many beyond all numbers");
  while (high - low > kFine * high) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace tributary
