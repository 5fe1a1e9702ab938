// SPDX-License-Identifier: Apache-2.0
// The coordinator's daemon: opens the state, listens, and runs until SIGTERM or SIGINT. One thread
// for engine, network and records; a pool for checking and folding updates.
#pragma once

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/config/config_changes.h"
#include "common/telemetry/event_log.h"

namespace tributary {

// Returns when the daemon has stopped in good order. The error says what kept it from starting.
// `again` reads the file of `config` as it stands on SIGHUP.
Status run_coordinator(const CoordinatorConfig& config, ReadConfig<CoordinatorConfig> again,
                       EventLog& log, const Clock& clock);

}  // namespace tributary
