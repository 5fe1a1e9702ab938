// SPDX-License-Identifier: Apache-2.0
// What a job would run at this site, and what would leave with it in each round: tensors, bytes,
// counts, figures. Found out with the site's own data; a module that came with the job is not
// loaded for it. One thread.
#pragma once

#include <map>
#include <string>

#include "client/work/known_jobs.h"
#include "client/work/privacy_ledger.h"
#include "common/domain/job_spec.h"
#include "common/domain/site_policy.h"

namespace tributary {

// For people. What cannot be found out is said in the text.
Result<std::string> inspection_of(const KnownJob& job, const Result<SitePolicy>& policy,
                                  const std::map<std::string, PluginChoice>& datasets,
                                  const PrivacyLedger& ledger);

}  // namespace tributary
