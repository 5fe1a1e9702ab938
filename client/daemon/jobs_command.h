// SPDX-License-Identifier: Apache-2.0
// `tributary-client jobs`: what a person at a site sees of the jobs that were asked for there, and
// decides. It works on the state directory, beside a running daemon, which looks there before each
// task. One thread.
#pragma once

#include <string>

#include "client/work/known_jobs.h"
#include "common/config/client_file.h"

namespace tributary {

Status jobs_pending(const ClientConfig& config);
// What would run, and what would leave this site with it. Reads the site's data.
Status jobs_inspect(const ClientConfig& config, const std::string& job);
Status jobs_decide(const ClientConfig& config, const std::string& job, Decision decision);

}  // namespace tributary
