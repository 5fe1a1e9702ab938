// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/noise/adaptive_clip.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tributary {

double deviation_of_count(double count_noise) { return 2.0 * count_noise; }

double multiplier_beside_count(double noise_multiplier, double count_noise) {
  const double z = noise_multiplier, of_count = deviation_of_count(count_noise);
  const double left = 1.0 / (z * z) - 1.0 / (of_count * of_count);
  return left > 0.0 ? 1.0 / std::sqrt(left) : std::numeric_limits<double>::infinity();
}

double next_adaptive_clip(double clip, double counted, double sites, double quantile, double rate) {
  const double share = (counted / sites + 1.0) / 2.0;
  return std::clamp(clip * std::exp(-rate * (share - quantile)), kAdaptiveClipMin,
                    kAdaptiveClipMax);
}

}  // namespace tributary
