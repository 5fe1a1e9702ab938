// SPDX-License-Identifier: Apache-2.0
// `tributary-client privacy`: what jobs have spent of the site's records, by its ledger. It reads
// the state directory, beside a running daemon. One thread.
#pragma once

#include <string>

#include "client/work/privacy_ledger.h"
#include "common/config/client_file.h"
#include "common/domain/job_spec.h"
#include "common/domain/site_policy.h"

namespace tributary {

// Each dataset with its jobs. `policy`: what it may spend.
Status show_privacy(const ClientConfig& config);

// Of a job that has privacy.records: what is promised, what all of it would spend at a site with so
// many rows, and what is left. For people; what cannot be found out is said in the text.
std::string promise_of_records(const JobId& id, const JobSpec& job, const SitePolicy& policy,
                               const PrivacyLedger& ledger, std::uint64_t rows);

}  // namespace tributary
