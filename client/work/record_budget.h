// SPDX-License-Identifier: Apache-2.0
// RecordBudget: whether one training of a job that promises privacy of records is within what the
// job and the site's policy allow, and its debit. Owned by the run of the task, its thread. The
// debit is durable before anything that the training made may leave.
#pragma once

#include <optional>
#include <string>

#include "client/work/privacy_ledger.h"
#include "client/work/work_log.h"
#include "common/domain/job_spec.h"
#include "common/domain/site_policy.h"
#include "common/privacy/ledger/spending.h"

namespace tributary {

// What the whole of a job would spend at a site with so many rows, if all of its rounds ask it.
Result<double> planned_epsilon(const JobSpec& job, std::uint64_t rows);

class RecordBudget {
 public:
  struct Ports {
    std::optional<PrivacyLedger>& ledger;  // none: nothing private is trained
    const WorkLog& log;
  };
  // All outlive it; the job has privacy.records, the site rows.
  RecordBudget(const Ports& ports, const Task& task, const JobSpec& job, const SitePolicy& policy,
               std::uint64_t rows);

  // Before the training. kFailedPrecondition: the budget does not allow it; the error may be told,
  // `local_detail` is for the site's own log. kInvalidArgument: no accountant has a bound for it.
  // Others: the ledger cannot be used.
  Status check(std::string& local_detail) const;
  // After it; checked once more. What the job has spent then.
  Result<double> debit(std::string& local_detail);

 private:
  Result<Spending> spending(std::string& local_detail) const;

  Ports ports_;
  const Task& task_;
  const JobSpec& job_;
  const SitePolicy& policy_;
  LedgerEntry entry_;
};

}  // namespace tributary
