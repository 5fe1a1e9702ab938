// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/attacks/honest_updates.h"

#include <cmath>

namespace tributary {

std::vector<double> mean_of(HonestUpdates honest) {
  std::vector<double> mean(honest[0].size());
  for (const auto& update : honest) {
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += static_cast<double>(update[i]);
  }
  for (double& value : mean) value /= static_cast<double>(honest.size());
  return mean;
}

std::vector<double> deviations_of(HonestUpdates honest, std::span<const double> mean) {
  std::vector<double> deviations(mean.size());
  for (const auto& update : honest) {
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double off = static_cast<double>(update[i]) - mean[i];
      deviations[i] += off * off;
    }
  }
  for (double& value : deviations) value = std::sqrt(value / static_cast<double>(honest.size()));
  return deviations;
}

double squared_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double off = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += off * off;
  }
  return sum;
}

}  // namespace tributary
