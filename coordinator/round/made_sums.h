// SPDX-License-Identifier: Apache-2.0
// Sums that nobody sees the parts of, once they are made: each is folded as if one site had sent
// it, under a name that is no site's. Plain functions, any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "coordinator/round/effects.h"

namespace tributary {

// The most that an update of the round weighs: the same for all of its sums, also after a restart.
inline std::uint64_t heaviest_of(std::span<const AcceptedUpdate> sums, std::uint64_t weight_max) {
  for (const AcceptedUpdate& sum : sums) weight_max = std::max(weight_max, sum.weight);
  return weight_max;
}

// An update of this round is in no model, and may never be.
inline void uncount(SiteHistory& history, RoundNumber round) {
  if (history.counted == round) history.counted = history.counted_before;
}

// Its bytes are gone: it is made again.
inline void drop_sum(const JobId& job, const SiteName& sum, RoundNumber into, RoundEffects& out) {
  out.push_back(DropAccepted{job, into, sum});
  out.push_back(Report{"update.lost",
                       {{"job", job.value},
                        {"round", std::int64_t{into}},
                        {"site", sum.value},
                        {"detail",
                         "the disk lost the mean of a secure sum; it is made again, of the same "
                         "sites where that is still possible"}}});
}

}  // namespace tributary
