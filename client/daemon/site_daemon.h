// SPDX-License-Identifier: Apache-2.0
// The site's daemon: dials its coordinator for ever, trains when asked, keeps its results until
// they are committed; runs until SIGTERM or SIGINT. One thread for session, network and files; one
// that trains.
#pragma once

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/config/config_changes.h"
#include "common/telemetry/event_log.h"

namespace tributary {

// Returns when it has stopped in good order. The error says what kept it from starting.
// `again` reads the file of `config` as it stands on SIGHUP.
Status run_client(const ClientConfig& config, ReadConfig<ClientConfig> again, EventLog& log,
                  const Clock& clock);

}  // namespace tributary
