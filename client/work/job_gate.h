// SPDX-License-Identifier: Apache-2.0
// JobGate: whether a task may begin at this site at all. It is asked before every task, whatever
// the coordinator sent before, and before a byte of the task is put to use. Owned by the daemon;
// called by one task at a time. It fails closed: without a policy nothing runs.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "client/work/work_log.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
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
    const Clock& clock;
    WorkLog log;
  };
  explicit JobGate(Ports ports) : ports_(std::move(ports)) {}

  Admission admit(const Task& task);
  // Where nobody has a policy: in simulations.
  static Admission admit_any(const Task& task);

 private:
  Ports ports_;
};

}  // namespace tributary
