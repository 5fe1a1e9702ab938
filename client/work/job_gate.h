// SPDX-License-Identifier: Apache-2.0
// JobGate: whether a task may begin at this site at all: an operator of the federation has signed
// its job, the site's policy lets it run, and where the policy wants that, a person has approved
// it. It is asked when a task is offered, before anything is fetched for it, again when it begins,
// and before a result leaves; whatever the coordinator sent before. Owned by the daemon; any
// thread. It fails closed: without a policy nothing runs, and nothing leaves.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "client/work/known_jobs.h"
#include "client/work/work_log.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/crypto/signing.h"
#include "common/domain/job_spec.h"
#include "common/domain/reason.h"
#include "common/domain/site_policy.h"

namespace tributary {

struct Admitted {
  JobSpec job;
  SitePolicy policy;  // in force for this task
};
struct Refused {
  Reason reason = Reason::kPolicyDenied;
  std::string told;    // to the coordinator; nothing of the policy
  std::string detail;  // for the site's own log
};
// Nothing runs, until somebody has mended it: the coordinator is to ask again.
Refused unreadable_policy(const std::string& detail);
// Of the site's own day.
int minute_of_day(std::int64_t wall_ms);

using Admission = std::variant<Admitted, Refused>;
// Into the site's log, as `event`; what of it the coordinator learns.
TaskFailure tell_refusal(const WorkLog& log, const char* event, const TaskKey& key,
                         const Refused& why);

class JobGate {
 public:
  struct Ports {
    SiteName site;
    std::function<Result<SitePolicy>()> policy;  // as its file stands now
    std::function<Trust()> trust;                // in signatures, as of now
    const Clock& clock;
    WorkLog log;
    KnownJobs jobs;
  };
  explicit JobGate(Ports ports) : ports_(std::move(ports)) {}

  Admission admit(const Task& task);
  // Why a task that has begun here must not go on, as it is offered once more. The hours are those
  // of beginnings.
  std::optional<Refused> hold(const Task& task);
  // Why the result must not leave: of a job that was admitted before, whose policy, decision or
  // signer may have changed since.
  std::optional<Refused> withhold(const TaskKey& result);
  // Where nobody has a policy: in simulations.
  static Admission admit_any(const Task& task);

 private:
  Admission admit_at_any_hour(const Task& task);
  // What is known of the task's job, after its signature was checked.
  Result<KnownJob> identify(const Task& task, const SitePolicy& policy) const;
  Status await_person(const KnownJob& job, const SitePolicy& policy, Refused& why);

  std::mutex mutex_;  // the training thread asks, and whoever has the link
  Ports ports_;
};

}  // namespace tributary
