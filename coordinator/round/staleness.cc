// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/staleness.h"

#include <algorithm>
#include <cmath>

namespace tributary {
namespace {

double weight(const StalenessPolicy& policy, std::uint32_t rounds) {
  switch (policy.weight) {
    case StalenessWeight::kConstant:
      return 1.0;
    case StalenessWeight::kPolynomial:
      return std::pow(1.0 + rounds, -policy.exponent);
    case StalenessWeight::kHinge:
      return rounds <= policy.free ? 1.0 : 1.0 / (1.0 + policy.slope * (rounds - policy.free));
  }
  return 1.0;
}

}  // namespace

std::uint32_t staleness_share(const StalenessPolicy& policy, std::uint32_t rounds) {
  const double share = weight(policy, rounds) * kFullShare;
  return std::clamp<std::uint32_t>(static_cast<std::uint32_t>(std::lround(share)), 1, kFullShare);
}

}  // namespace tributary
