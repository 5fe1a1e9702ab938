// SPDX-License-Identifier: Apache-2.0
// The site's daemon: dials its coordinator for ever, trains when asked, keeps its results until
// they are committed; runs until SIGTERM or SIGINT. One thread for session, network and files; one
// that trains.
#pragma once

#include "client/work/known_jobs.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/config/client_file.h"
#include "common/config/policy_file.h"
#include "common/telemetry/event_log.h"

namespace tributary {

// As its file stands now. Errors name the file.
Result<SitePolicy> read_site_policy(const std::string& path);

// What its jobs wait for, which a person may decide while the daemon runs.
KnownJobs known_jobs_of(const ClientConfig& config, FileSystem& files);

// Returns when it has stopped in good order. The error says what kept it from starting.
Status run_client(const ClientConfig& config, EventLog& log, const Clock& clock);

}  // namespace tributary
