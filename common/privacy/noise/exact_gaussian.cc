// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include "common/privacy/noise/discrete_gaussian.h"
#include "common/privacy/noise/variance.h"

namespace tributary {
namespace {

__extension__ using Wide = unsigned __int128;

// A fraction in whole numbers; `below` stays under 2^120 here (see ExactGaussian).
struct Fraction {
  Wide above = 0;
  Wide below = 1;
};

std::size_t width_of(Wide value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  const auto part = std::bit_width(high > 0 ? high : static_cast<std::uint64_t>(value));
  return static_cast<std::size_t>(part) + (high > 0 ? 64 : 0);
}

Wide uniform_below(Wide bound, RandomSource& random) {
  if (bound <= ~std::uint64_t{0}) return random.uniform_below(static_cast<std::uint64_t>(bound));
  const Wide mask = (~Wide{0}) >> (128 - width_of(bound - 1));
  for (;;) {
    const Wide high = random.next_u64();
    if (const Wide drawn = (high << 64 | random.next_u64()) & mask; drawn < bound) return drawn;
  }
}

// True with probability exp(-x), 0 <= x <= 1: the length of a run is odd.
bool bernoulli_exp_unit(const Fraction& x, RandomSource& random) {
  unsigned run = 1;
  while (uniform_below(x.below * run, random) < x.above) ++run;
  return run % 2 == 1;
}

bool bernoulli_exp(Fraction x, RandomSource& random) {
  for (; x.above > x.below; x.above -= x.below)
    if (!bernoulli_exp_unit({1, 1}, random)) return false;
  return bernoulli_exp_unit(x, random);
}

class ExactGaussian final : public DiscreteGaussian {
 public:
  explicit ExactGaussian(Variance variance)
      : DiscreteGaussian(variance.sigma()),
        variance_(variance),
        scale_(static_cast<std::uint64_t>(variance.sigma()) + 1) {}

  std::int64_t sample(RandomSource& random) const override {
    for (;;) {
      const std::int64_t drawn = laplace(random);
      const auto size = static_cast<std::uint64_t>(drawn < 0 ? -drawn : drawn);
      if (accepts(size, random)) return drawn;
    }
  }

 private:
  // Its acceptance is below exp(-1900) there: what is left out has no effect, and the numbers below
  // stay within 128 bits.
  static constexpr std::uint64_t kScalesMax = 64;

  // Of scale t: probability proportional to exp(-|x| / t).
  std::int64_t laplace(RandomSource& random) const {
    for (;;) {
      const std::uint64_t rest = random.uniform_below(scale_);
      if (!bernoulli_exp_unit({rest, scale_}, random)) continue;
      std::uint64_t scales = 0;
      while (bernoulli_exp_unit({1, 1}, random)) ++scales;
      const bool negative = random.uniform_below(2) == 1;
      if (scales >= kScalesMax) continue;
      const auto size = static_cast<std::int64_t>(rest + scale_ * scales);
      if (negative && size == 0) continue;
      return negative ? -size : size;
    }
  }

  // With probability exp(-(size - sigma^2 / t)^2 / (2 sigma^2)).
  bool accepts(std::uint64_t size, RandomSource& random) const {
    const Wide t = scale_, d = Variance::kParts, n = variance_.parts;
    const Wide left = size * d * t;
    const Wide apart = left > n ? left - n : n - left;
    return bernoulli_exp({apart * apart, 2 * n * d * t * t}, random);
  }

  Variance variance_;
  std::uint64_t scale_;  // t
};

}  // namespace

Result<std::unique_ptr<DiscreteGaussian>> make_exact_gaussian(double sigma) {
  TRIB_TRY(variance, variance_of(sigma, kSigmaMin, kSigmaMax));
  return std::unique_ptr<DiscreteGaussian>(std::make_unique<ExactGaussian>(variance));
}

}  // namespace tributary
