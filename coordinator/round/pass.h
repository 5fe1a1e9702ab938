// SPDX-License-Identifier: Apache-2.0
// Passes: where a job's noise is of sums over rounds (privacy.sites.mechanism tree), its promise is
// for sites that count once in each pass of so many rounds. Whoever counted in the open pass is not
// asked to train again before the next one, and nothing of it is folded; a round folds no more
// updates than its target, so that some are left for the others. Pure functions of a job's
// record and file, any thread. The noise is not made here.
#pragma once

#include <cstdint>
#include <string>

#include "common/domain/job_spec.h"
#include "coordinator/round/effects.h"
#include "coordinator/round/job_record.h"

namespace tributary {

// Rounds of a pass; 0: the job has none.
std::uint32_t rounds_per_pass_of(const JobSpec& spec);

// Whether an update of the site counts already in the pass of the round after the last committed.
bool counted_in_pass(const JobRecord& record, const JobSpec& spec, const SiteName& site);

// How many sites did, and when they are asked again; empty: none.
std::string why_not_in_pass(const JobRecord& record, const JobSpec& spec);

// Sites that a pass takes where each round has `each` of them.
std::uint64_t sites_of_pass(const JobSpec& spec, std::uint32_t each);

// Why no pass of the job can be filled with `there` sites that can train, `away` more that are
// known and `quorum` in each round, and what would do; empty: it can, or the job has no passes.
std::string why_pass_is_too_long(const JobSpec& spec, std::uint64_t there, std::uint64_t away,
                                 std::uint32_t quorum);

// Says so where it cannot be filled if each round has the job's target.
void report_short_pass(const JobRecord& record, const JobSpec& spec, std::uint64_t there,
                       RoundEffects& out);

}  // namespace tributary
