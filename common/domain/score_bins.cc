// SPDX-License-Identifier: Apache-2.0
#include "common/domain/score_bins.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/limits.h"

namespace tributary {
namespace {

constexpr double kLogitMost = 32.0;
constexpr auto kScores = static_cast<double>(limits::kScoreBins);
constexpr auto kConfidences = static_cast<double>(limits::kConfidenceBins);

double probability_of(double logit) { return 1.0 / (1.0 + std::exp(-logit)); }

// From 0 to 1.
double place_of(double logit) {
  const double on_logits =
      (std::clamp(logit, -kLogitMost, kLogitMost) + kLogitMost) / (2.0 * kLogitMost);
  return (probability_of(logit) + on_logits) / 2.0;
}

double score_at(double place) {
  double low = -2.0 * kLogitMost, high = 2.0 * kLogitMost;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2.0;
    (place_of(middle) < place ? low : high) = middle;
  }
  return probability_of(low);
}

}  // namespace

std::size_t score_bin(double logit) {
  return std::min(static_cast<std::size_t>(place_of(logit) * kScores), limits::kScoreBins - 1);
}

double score_of_bin(std::size_t bin) {
  static const auto kMiddles = [] {
    std::array<double, limits::kScoreBins> middles{};
    for (std::size_t i = 0; i < middles.size(); ++i)
      middles[i] = score_at((static_cast<double>(i) + 0.5) / kScores);
    return middles;
  }();
  return kMiddles.at(bin);
}

std::size_t confidence_bin(double p) {
  const double place = 1.0 - std::sqrt(std::clamp(1.0 - p, 0.0, 1.0));
  return std::min(static_cast<std::size_t>(place * kConfidences), limits::kConfidenceBins - 1);
}

double confidence_of_bin(std::size_t bin) {
  const auto missing = [](std::size_t at) {
    const double root = 1.0 - static_cast<double>(at) / kConfidences;
    return root * root;
  };
  return 1.0 - (missing(bin) + missing(bin + 1)) / 2.0;
}

}  // namespace tributary
