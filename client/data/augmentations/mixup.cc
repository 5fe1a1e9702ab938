// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "client/data/augmentation.h"
#include "common/domain/options.h"

namespace tributary {
namespace {

// Marsaglia and Tsang 2000; below a shape of 1 by the power of a uniform number.
double gamma(double shape, RandomSource& random) {
  if (shape < 1.0) {
    const double least = 1.0 - random.uniform();  // above 0
    return gamma(shape + 1.0, random) * std::pow(least, 1.0 / shape);
  }
  const double d = shape - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = random.normal();
    const double v = std::pow(1.0 + c * x, 3.0);
    const double u = 1.0 - random.uniform();
    if (v > 0.0 && std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

// Zhang et al. 2018: from Beta(alpha, alpha), one for a batch.
double kept(const OptionMap& options, RandomSource& random) {
  const double alpha = option<double>(options, "alpha");
  if (alpha == 0.0) return 1.0;
  const double own = gamma(alpha, random), other = gamma(alpha, random);
  // Both may be too small for a number: then they lie at one end or the other.
  if (own + other == 0.0) return random.uniform() < 0.5 ? 0.0 : 1.0;
  return own / (own + other);
}

}  // namespace

const Augmentation& mixup_augmentation() {
  static constexpr Augmentation kMixup{"mixup", "Each row mixed with another one, and their losses",
                                       nullptr, &kept};
  return kMixup;
}

}  // namespace tributary
