// SPDX-License-Identifier: Apache-2.0
// What persons at the site rule, in files that may change while the daemon runs: its policy, and
// what they decided about jobs. Plain functions; each call reads the files anew.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/agent/site_audit.h"
#include "client/work/known_jobs.h"
#include "client/work/privacy_ledger.h"
#include "common/config/client_file.h"
#include "common/config/policy_file.h"

namespace tributary {

// As its file stands now. Errors name the file.
Result<SitePolicy> read_site_policy(const std::string& path);

// Bytes a second that may leave at this time by the policy as it stands now; none: no limit.
Result<std::optional<std::int64_t>> upload_rate(const std::string& policy_file,
                                                std::int64_t wall_ms);

// Of how many sites a sum is made at least whose parts nobody sees, by the policy as it stands now.
Result<std::size_t> least_secure_sites(const std::string& policy_file);

// What its jobs wait for, which a person may decide while the daemon runs.
KnownJobs known_jobs_of(const ClientConfig& config, FileSystem& files);

// What jobs have spent of its records; belongs to the state, whatever the certificate.
PrivacyLedger ledger_of(const ClientConfig& config, FileSystem& files, const Clock& clock);

// What persons decided stands in the audit log before anything is done by it.
Status note_decisions(KnownJobs jobs, SiteAudit& audit);

}  // namespace tributary
