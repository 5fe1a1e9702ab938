// SPDX-License-Identifier: Apache-2.0
#include "client/work/job_gate.h"

#include <algorithm>
#include <ctime>

#include "client/policy/policy_check.h"
#include "common/config/job_file.h"

namespace tributary {
namespace {

Refused denied(const Error& why) {
  return {Reason::kPolicyDenied, "the site's policy does not let this job run", why.message};
}

int minute_of_day(std::int64_t wall_ms) {
  const std::time_t seconds = wall_ms / 1000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return local.tm_hour * 60 + local.tm_min;
}

}  // namespace

Admission JobGate::admit_any(const Task& task) {
  const auto file = parse_job(task.document, "job file");
  if (!file) return Refused{Reason::kModelInvalid, file.error().message, file.error().message};
  return Admitted{file->spec, {}};
}

Admission JobGate::admit(const Task& task) {
  const Result<SitePolicy> policy = ports_.policy();
  if (!policy) {
    ports_.log("policy.unreadable", {{"detail", policy.error().message}});
    return denied(policy.error());
  }
  Admission admission = admit_any(task);
  auto* admitted = std::get_if<Admitted>(&admission);
  if (admitted == nullptr) return admission;
  admitted->policy = *policy;
  const Digest& module = task.model_file.digest;
  if (const Status permitted = permits(*policy, ports_.site, admitted->job, module, task.key.round);
      !permitted) {
    return denied(permitted.error());
  }
  if (!open_at(*policy, minute_of_day(ports_.clock.wall_ms()))) {
    return Refused{Reason::kPolicyPending, "the site's policy does not let this job run now",
                   "policy.hours: not now"};
  }
  // A category is named where both the job and the policy find it common enough.
  std::int64_t& least = admitted->job.data.minimum_category_count;
  least = std::max(least, policy->min_count);
  return admission;
}

}  // namespace tributary
