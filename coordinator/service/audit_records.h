// SPDX-License-Identifier: Apache-2.0
// What of the decisions belongs into the audit log, as JSON texts: who submitted, changed and ended
// a job, who kept a site out or let it in again; each attempt of each phase with every
// participant's reason; for a round that was committed, all that its model was made of. Plain
// function, any thread. It stores nothing.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "coordinator/service/state_store.h"

namespace tributary {

// Of the effects of one transaction; `before` is the store ahead of it. In their order.
Result<std::vector<std::string>> audit_records(const RoundEffects& effects,
                                               const StateStore& before, std::int64_t at_ms);

}  // namespace tributary
