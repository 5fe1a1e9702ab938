// SPDX-License-Identifier: Apache-2.0
// Selection of a cohort: uniform without replacement, from the job's seed, the round and the
// attempt alone, so that it can be replayed. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/ids.h"
#include "common/domain/job_spec.h"

namespace tributary {

// max(minimum_sites, ceil(fraction * candidates)), at most all of them.
std::size_t cohort_size(const RoundPolicy& policy, std::size_t candidates);

// `candidates` in name order; the result too.
std::vector<SiteName> select_cohort(std::vector<SiteName> candidates, std::size_t count,
                                    std::uint64_t seed, RoundNumber round, AttemptNumber attempt);

}  // namespace tributary
