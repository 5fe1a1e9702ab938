// SPDX-License-Identifier: Apache-2.0
// Whether a site's policy lets a job run there. Pure, any thread.
#pragma once

#include "common/base/result.h"
#include "common/domain/job_spec.h"
#include "common/domain/site_policy.h"

namespace tributary {

// kPermissionDenied with the rule and what the job wants; for the site's own log, not for the
// coordinator: a policy is nobody else's business.
Status permits(const SitePolicy& policy, const SiteName& site, const JobSpec& job);

}  // namespace tributary
