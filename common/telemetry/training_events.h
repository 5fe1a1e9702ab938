// SPDX-License-Identifier: Apache-2.0
// The part of the table of events (event_table.h) about a site's trainings.
#pragma once

#include <array>

#include "common/telemetry/events.h"

namespace tributary {

inline constexpr auto kTrainingEvents = std::to_array<EventInfo>({
    {"training.started", EventLevel::kInfo, EventSide::kClient,
     "job round attempt examples epochs batch_size device mixed_precision",
     "The local passes begin; mixed_precision: the job asks for it, and the device is one that has "
     "it"},
    {"training.checkpointed", EventLevel::kDebug, EventSide::kClient,
     "job round attempt done total bytes seconds",
     "Where it stands is on the disk: done of total batches; writing it took so long"},
    {"training.resumed", EventLevel::kInfo, EventSide::kClient, "job round attempt done total",
     "It goes on from a checkpoint of an earlier life of the process"},
    {"checkpoint.failed", EventLevel::kWarn, EventSide::kClient, "job round attempt detail",
     "A checkpoint could not be written or used; the training is as without. Told once for each"},
    {"training.finished", EventLevel::kInfo, EventSide::kClient,
     "job round attempt examples loss norm seconds rows_per_s",
     "The local passes are done; rows_per_s: of all passes together"},
    {"training.rewound", EventLevel::kInfo, EventSide::kClient,
     "job round attempt batches kept_batches loss",
     "Behind kept_batches of these the loss on the validation rows was lowest: those weights go"},
    {"training.unjudged", EventLevel::kWarn, EventSide::kClient, "job round attempt",
     "The site has no validation rows, by which train.local_stop goes: it trained all passes"},
    {"tuning.failed", EventLevel::kWarn, EventSide::kClient, "job round attempt detail",
     "train.fine_tune came to nothing here; the evaluation is as without"},
});

}  // namespace tributary
