// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/jobs_command.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <iostream>

#include "client/daemon/job_inspection.h"
#include "client/daemon/site_rules.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/storage/file_system.h"

namespace tributary {
namespace {

std::string submitter_of(const KnownJob& job) {
  return job.submitter.empty() ? "nobody who signed" : escaped(job.submitter);
}

// Who runs this process; a number where the machine has no name for it.
std::string local_user() {
  std::array<char, 16 << 10> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  const uid_t user = ::getuid();
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->pw_name;
  return std::to_string(user);
}

Result<KnownJob> named(const KnownJobs& jobs, const std::string& id) {
  auto job = jobs.find(JobId{id});
  if (job || job.error().code != ErrorCode::kNotFound) return job;
  return make_error(ErrorCode::kNotFound,
                    job.error().message + "; `jobs pending` shows what waits");
}

}  // namespace

Status jobs_pending(const ClientConfig& config) {
  const auto files = make_file_system();
  const KnownJobs jobs = known_jobs_of(config, *files);
  TRIB_TRY(policy, read_site_policy(config.policy_file));
  if (policy.approval == Approval::kAutomatic) {
    std::cout << "no job waits: policy.approval is automatic\n";
    return {};
  }
  TRIB_TRY(known, jobs.all());
  bool any = false;
  for (const KnownJob& job : known) {
    TRIB_TRY(decision, jobs.decision(job));
    if (decision != Decision::kNone || job.dry_run) continue;  // a dry run waits for nobody
    any = true;
    std::cout << job.id.value << "  submitted by " << submitter_of(job) << ", first asked for "
              << format_utc(job.first_seen_wall_ms) << ", last " << format_utc(job.asked_wall_ms)
              << "\n";
  }
  std::cout << (any ? "A job that was not asked for in the last minutes has ended.\n"
                    : "no job waits\n");
  return {};
}

Status jobs_inspect(const ClientConfig& config, const std::string& id) {
  const auto files = make_file_system();
  const KnownJobs jobs = known_jobs_of(config, *files);
  TRIB_TRY(job, named(jobs, id));
  TRIB_TRY(decision, jobs.decision(job));
  const auto policy = read_site_policy(config.policy_file);
  std::cout << "job        " << job.id.value << (job.dry_run ? " (a dry run: no rounds)" : "")
            << "\nsubmitted  by " << submitter_of(job) << ", first asked for "
            << format_utc(job.first_seen_wall_ms) << "\ndecision   "
            << (decision == Decision::kApproved ? "approved"
                : decision == Decision::kDenied ? "denied"
                                                : "none")
            << "\nsigned     " << job.manifest.hex() << "\n";
  const SystemClock clock;
  TRIB_TRY(text, inspection_of(job, policy, config.datasets, ledger_of(config, *files, clock)));
  std::cout << text;
  return {};
}

Status jobs_decide(const ClientConfig& config, const std::string& id, Decision decision) {
  const auto files = make_file_system();
  KnownJobs jobs = known_jobs_of(config, *files);
  TRIB_TRY(job, named(jobs, id));
  TRIB_CHECK_OK(jobs.decide(job, decision, SystemClock().wall_ms(), local_user()));
  std::cout << (decision == Decision::kApproved ? "approved " : "denied ") << job.id.value << "\n";
  return {};
}

}  // namespace tributary
