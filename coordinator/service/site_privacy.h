// SPDX-License-Identifier: Apache-2.0
// What a job that hides whole sites costs them, by the RDP accountant, whose bound holds for
// discrete noise as for continuous. Each round counts as one in which every site takes part:
// cohorts are drawn from the job's seed, which is no secret, so nothing is claimed for the drawing.
// Where noise is of sums over rounds, each pass is a tree in which every site counts once.
// Plain functions, any thread.
#pragma once

#include <vector>

#include "common/domain/job_spec.h"
#include "common/domain/operator_messages.h"
#include "coordinator/round/job_record.h"

namespace tributary {

// After `rounds` committed models. kInvalidArgument: no accountant takes such a noise.
Result<SitesSpent> spent_after(const SitePrivacy& promise, RoundNumber rounds, double clip);

// What a job starts with; none where it hides no sites. kInvalidArgument: its budget does not last
// for a single round; the text says how much noise would do. Or, under secure aggregation, its
// noise does not fit the numbers of a sum, or too few sites are sure to add some.
Result<std::optional<SitesSpent>> spent_at_start(const JobSpec& spec);

// Of a dataset, by all these jobs together, at `delta`.
Result<double> epsilon_of_all(const std::vector<SiteSpending>& ledger, double delta);

}  // namespace tributary
