// SPDX-License-Identifier: Apache-2.0
// Whether a job that hides whole sites may train on: it ends, in good order, before a model would
// cost more than its `privacy.sites.max_epsilon`. Pure functions of its record and file, any
// thread. What a model costs is computed elsewhere (RoundFinished).
#pragma once

#include <string>

#include "common/domain/job_spec.h"
#include "common/domain/operator_messages.h"
#include "coordinator/round/job_record.h"

namespace tributary {

// No room is left for one more model; why, for the job's record and log.
bool budget_is_spent(const JobRecord& record, const JobSpec& spec);
std::string why_budget_is_spent(const JobRecord& record, const JobSpec& spec);

// The clip of the open round's updates; 0 where no site is hidden.
double clip_of(const JobRecord& record);

// What sites are told of it, where they shorten their updates themselves and add the noise to sums
// that nobody sees the parts of; else 0.
double clip_for_sites(const JobRecord& record, const JobSpec& spec);

// The line of the ledger after the last committed round.
SiteSpending spending_of(const JobRecord& record, const JobSpec& spec);

}  // namespace tributary
