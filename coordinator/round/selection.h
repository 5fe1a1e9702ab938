// SPDX-License-Identifier: Apache-2.0
// Selection of a cohort by the job's rule, from the job's seed, the round, the attempt and what the
// job's record knows of each site, so that it can be replayed; and the deadline that fits the
// cohort. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/domain/job_spec.h"
#include "coordinator/round/job_record.h"

namespace tributary {

// How many are asked in a round: target * over_selection, or the fraction of the candidates; at
// least minimum_sites and the quorum, at most all of them.
std::size_t cohort_size(const RoundPolicy& policy, std::size_t candidates);

// max(1, ceil(fraction * all)).
std::size_t share_of(double fraction, std::size_t all);

// What a draw depends on, and nothing else.
struct Draw {
  std::uint64_t seed = 0;
  RoundNumber round = 0;
  AttemptNumber attempt = 1;
  std::size_t already = 0;  // asked in this attempt before: each further draw is another one
  std::string_view purpose = "selection";
};

// `candidates` in name order; the result too.
std::vector<SiteName> select_uniform(std::vector<SiteName> candidates, std::size_t count,
                                     const Draw& draw);
std::vector<SiteName> select_cohort(SelectionRule rule, std::vector<SiteName> candidates,
                                    std::size_t count, const Draw& draw, const JobRecord& record);

// p90 of the times that these sites took in earlier rounds, by the nearest rank, times the policy's
// factor, within its bounds. The policy's deadline where it is fixed, or as long as most of the
// sites have shown no time.
Milliseconds deadline_for(const RoundPolicy& policy, const std::vector<SiteName>& cohort,
                          const std::map<SiteName, SiteHistory>& history);

}  // namespace tributary
