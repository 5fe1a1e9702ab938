// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/site_rules.h"

#include "client/policy/policy_check.h"
#include "client/work/job_gate.h"
#include "common/base/limits.h"
#include "common/cli/named_file.h"

namespace tributary {

Result<SitePolicy> read_site_policy(const std::string& path) {
  const auto text = read_named(path, limits::kConfigBytesMax);
  if (!text) {
    return Error(text.error())
        .with_context(
            "what jobs may do here stands in this file, and without it none runs "
            "(shortest: approval: automatic)");
  }
  return parse_site_policy(std::string(as_text(*text)), path);
}

Result<std::optional<std::int64_t>> upload_rate(const std::string& policy_file,
                                                std::int64_t wall_ms) {
  TRIB_TRY(policy, read_site_policy(policy_file));
  return upload_rate_at(policy, minute_of_day(wall_ms));
}

PrivacyLedger ledger_of(const ClientConfig& config, FileSystem& files, const Clock& clock) {
  return PrivacyLedger(files, clock, config.state_dir + "/privacy");
}

Result<std::size_t> least_secure_sites(const std::string& policy_file) {
  TRIB_TRY(policy, read_site_policy(policy_file));
  return static_cast<std::size_t>(policy.min_secure_sites);
}

KnownJobs known_jobs_of(const ClientConfig& config, FileSystem& files) {
  return KnownJobs(files, config.state_dir + "/jobs");
}

Status note_decisions(KnownJobs jobs, SiteAudit& audit) {
  TRIB_TRY(fresh, jobs.fresh_decisions());
  for (const MadeDecision& one : fresh) {
    TRIB_CHECK_OK(audit.note_decision(one.job, one.decision == Decision::kApproved, one.manifest,
                                      one.who, one.wall_ms));
    TRIB_CHECK_OK(jobs.note_decision(one));
  }
  return {};
}

}  // namespace tributary
