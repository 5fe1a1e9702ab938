// SPDX-License-Identifier: Apache-2.0
// The part of the event table that is about privacy: what is spent of records, and sums whose parts
// nobody sees.
#pragma once

#include <array>

#include "common/telemetry/events.h"

namespace tributary {

inline constexpr auto kPrivacyEvents = std::to_array<EventInfo>({
    {"sum.started", EventLevel::kInfo, EventSide::kCoordinator, "job round task sites bytes",
     "The sites that are ready are asked to make a sum of which nobody sees a part; each gives so "
     "many masked bytes"},
    {"sum.left", EventLevel::kWarn, EventSide::kCoordinator, "job round task site reason detail",
     "A site's part in it has ended: the sum is made without it, unless its input was in already"},
    {"sum.made", EventLevel::kInfo, EventSide::kCoordinator,
     "job round task examples loss norm mean_norm clipped saturated",
     "The masks are off the sum: its figures, the norm of the mean and the mean of the norms "
     "before the clip, how many updates were longer than that, and how many of their numbers "
     "beyond the "
     "range; with privacy.sites only what has noise"},
    {"sum.resumed", EventLevel::kInfo, EventSide::kCoordinator, "job round task sites phase",
     "The coordinator crashed when it was certain whose inputs are in the sum: it goes on with "
     "those, and no others"},
    {"sum.unkept", EventLevel::kWarn, EventSide::kCoordinator, "job round task detail",
     "What it takes to go on with the sum after a crash cannot be written, or read: it is made "
     "without, or anew"},
    {"sum.failed", EventLevel::kWarn, EventSide::kCoordinator, "job round task detail",
     "There is no sum, and nobody has seen a part of it; the round is tried again"},
    {"sum.joined", EventLevel::kInfo, EventSide::kClient, "job round attempt task sites",
     "The site takes part in a sum among so many sites, each of whose certificates it has checked"},
    {"sum.input", EventLevel::kInfo, EventSide::kClient,
     "job round attempt task bytes clipped saturated clip deviation",
     "What leaves is masked: clipped where the update was longer than the job lets it be. With "
     "privacy.sites: shortened to the clip, and with noise of this deviation, the site's part"},
    {"sum.revealed", EventLevel::kInfo, EventSide::kClient, "job round attempt task",
     "Enough sites agreed whose inputs are in the sum: the site gave out the shares that take the "
     "masks off, and wiped its keys"},
    {"sum.aborted", EventLevel::kWarn, EventSide::kClient, "job round attempt task reason detail",
     "The site has left the sum and given out no share: the reason says what the coordinator, or "
     "another site, did wrong, or what more would cost this one (budget_spent)"},
    {"privacy.row_by_row", EventLevel::kInfo, EventSide::kClient, "job round attempt",
     "The job brings a module, of which nobody knows the layers: gradients of single rows are made "
     "by running one row after the other, which is as exact as for other models, and slower"},
    {"pass.short", EventLevel::kWarn, EventSide::kCoordinator, "job sites need rounds_per_pass",
     "Each site counts once in a pass of so many rounds, and there are fewer than a pass takes "
     "where each round has its target: the last rounds of a pass may have to wait for others"},
    {"privacy.spent", EventLevel::kInfo, EventSide::kClient,
     "job round attempt dataset epsilon delta unit adjacency sampling dataset_epsilon "
     "dataset_delta",
     "The training is in the ledger: epsilon is what the job has spent of the dataset's records, "
     "dataset_epsilon what all jobs together have"},
});

}  // namespace tributary
