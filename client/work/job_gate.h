// SPDX-License-Identifier: Apache-2.0
// JobGate: whether a task may begin at this site at all: an operator of the federation has signed
// its job, the site's policy lets it run, and where the policy wants that, a person has approved
// it. It is asked before every task, whatever the coordinator sent before, and before a byte of the
// task is put to use. Owned by the daemon; called by one task at a time. It fails closed: without a
// policy nothing runs.
#pragma once

#include <functional>
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
using Admission = std::variant<Admitted, Refused>;

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
  // Where nobody has a policy: in simulations.
  static Admission admit_any(const Task& task);

 private:
  // What is known of the task's job, after its signature was checked.
  Result<KnownJob> identify(const Task& task, const SitePolicy& policy) const;
  Status await_person(const KnownJob& job, const SitePolicy& policy, Refused& why);

  Ports ports_;
};

}  // namespace tributary
