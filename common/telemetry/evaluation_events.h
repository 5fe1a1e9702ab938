// SPDX-License-Identifier: Apache-2.0
// The part of the table of events (event_table.h) about how good models are.
#pragma once

#include <array>

#include "common/telemetry/events.h"

// Of an evaluation, in this order, those that its task has (common/domain/figures.h).
#define TRIB_FIGURES \
  "examples loss accuracy auc f1 balanced_accuracy ece mae rmse r2 dice iou perplexity bleu"

namespace tributary {

inline constexpr auto kEvaluationEvents = std::to_array<EventInfo>({
    {"site.evaluated", EventLevel::kInfo, EventSide::kCoordinator, "job round site " TRIB_FIGURES,
     "The global model on one site's validation rows"},
    {"evaluation.finished", EventLevel::kInfo, EventSide::kCoordinator,
     "job round rounds sites " TRIB_FIGURES " figure worst_site worst site_mean deviation",
     "The global model on the validation rows of all sites together, and how unlike the sites fare "
     "by `best_by`"},
    {"evaluation.skipped", EventLevel::kWarn, EventSide::kCoordinator, "job round rounds detail",
     "Nobody evaluated this round's model, and why; it cannot be the best"},
    {"evaluation.local", EventLevel::kInfo, EventSide::kClient, "job round model " TRIB_FIGURES,
     "A model on this site's rows: the global one with the tensors that stay here, or the personal "
     "one, or fine_tuned"},
});

}  // namespace tributary
