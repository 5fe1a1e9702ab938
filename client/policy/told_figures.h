// SPDX-License-Identifier: Apache-2.0
// What of a site's counts and figures its policy lets the coordinator know. Pure, any thread. Each
// makes a result tell less, never more, and leaves it one that the coordinator can add up.
#pragma once

#include "common/domain/job_spec.h"
#include "common/domain/site_policy.h"
#include "common/domain/task.h"

namespace tributary {

// Under privacy.records nothing is told of the rows but how many there are, under
// privacy.secure_aggregation whether there are any.
void tell_less(const JobSpec& job, DataSummary& summary);
// Categories of few rows are not named; of a column with few values nothing is told.
void tell_less(const SitePolicy& policy, DataSummary& summary);
// Loss and norm are rounded; a loss that is not to leave is told as 0.
void tell_less(const SitePolicy& policy, TrainResult& result);
// Counts of which one is too small, or of which a figure follows that is not to leave, are told as
// those of no rows; but the confusion, the bins of confidence, a regression's sums and n-grams stay
// alone where only they may not leave or are too small. Bins are joined until none is too small.
void tell_less(const SitePolicy& policy, EvaluationCounts& counts);

}  // namespace tributary
