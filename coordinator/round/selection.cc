// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/selection.h"

#include <algorithm>
#include <cmath>

#include "common/base/random_source.h"

namespace tributary {

std::size_t cohort_size(const RoundPolicy& policy, std::size_t candidates) {
  // A fraction such as 0.1 is not exact in binary: 0.1 * 100 must be 10, not 11.
  constexpr double kSlack = 1e-9;
  const double wanted = std::ceil(policy.fraction * static_cast<double>(candidates) - kSlack);
  const std::size_t size = std::max<std::size_t>(
      {policy.minimum_sites, policy.quorum, static_cast<std::size_t>(std::max(wanted, 1.0))});
  return std::min(size, candidates);
}

std::vector<SiteName> select_cohort(std::vector<SiteName> candidates, std::size_t count,
                                    std::uint64_t seed, RoundNumber round, AttemptNumber attempt) {
  SeededRandom random(derive_seed(derive_seed(seed, "selection", round), "attempt", attempt));
  random.shuffle(candidates);
  candidates.resize(std::min(count, candidates.size()));
  std::ranges::sort(candidates);
  return candidates;
}

}  // namespace tributary
