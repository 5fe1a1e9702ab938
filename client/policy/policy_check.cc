// SPDX-License-Identifier: Apache-2.0
#include "client/policy/policy_check.h"

#include <algorithm>

namespace tributary {

Status permits(const SitePolicy& policy, const SiteName& site, const JobSpec& job) {
  if (job.aggregation.root() == site && !policy.trains_as_root) {
    return make_error(ErrorCode::kPermissionDenied,
                      "aggregate.rule.root names this site, and policy.trains_as_root is not set");
  }
  const auto& families = policy.model_families;
  if (families && !std::ranges::count(*families, job.model.name)) {
    return make_error(ErrorCode::kPermissionDenied,
                      "policy.model_families does not name '" + job.model.name + "'");
  }
  return {};
}

}  // namespace tributary
