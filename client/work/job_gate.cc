// SPDX-License-Identifier: Apache-2.0
#include "client/work/job_gate.h"

#include <algorithm>
#include <ctime>

#include "client/policy/policy_check.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/config/job_file.h"
#include "common/trust/job_signing.h"

namespace tributary {
namespace {

// A job that waits is asked for each few seconds.
constexpr std::int64_t kAskedEveryMs = 60'000;

Refused denied(const std::string& detail) {
  return {Reason::kPolicyDenied,
          "the site's policy does not let this job run; which rule, its own log says", detail};
}

Refused pending(const std::string& detail) {
  return {Reason::kPolicyPending,
          "the site's policy does not let this job run yet; its people are asked", detail};
}

Status permits_all(const SitePolicy& policy, const SiteName& site, const KnownJob& known,
                   const Task& task, const JobSpec& job) {
  TRIB_CHECK_OK(permits_submitter(policy, known.submitter));
  TRIB_CHECK_OK(permits_round(policy, task));
  return permits(policy, site, job, task.model_file.digest, task.key.round);
}

}  // namespace

Refused unreadable_policy(const std::string& detail) {
  return {Reason::kPolicyPending, "the site's policy cannot be read", detail};
}

int minute_of_day(std::int64_t wall_ms) {
  const std::time_t seconds = wall_ms / 1000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return local.tm_hour * 60 + local.tm_min;
}

TaskFailure tell_refusal(const WorkLog& log, const char* event, const TaskKey& key,
                         const Refused& why) {
  EventFields fields = fields_of(key);
  fields.emplace_back("task", std::string(task_kind_name(key.kind)));
  fields.emplace_back("reason", std::string(reason_name(why.reason)));
  fields.emplace_back("detail", why.detail);
  log(event, std::move(fields));
  return {why.reason, std::string(cut_utf8(why.told, limits::kLogValueBytesMax))};
}

Admission JobGate::admit_any(const Task& task) {
  const auto file = parse_job(task.document, "job file");
  if (!file) return Refused{Reason::kModelInvalid, file.error().message, file.error().message};
  return Admitted{file->spec, {}};
}

// The signature is held against the time at which the job was first seen: a job outlives the
// certificate of its submitter, and nobody signs a new one with a key that has ended.
Result<KnownJob> JobGate::identify(const Task& task, const SitePolicy& policy) const {
  KnownJob job{task.key.job,    "",           ports_.clock.wall_ms(), Digest{},
               task.model_file, task.dry_run, task.document,          task.signature};
  const JobManifest manifest = manifest_of(task);
  job.manifest = digest_of(manifest, task.signature.signed_wall_ms);
  job.asked_wall_ms = ports_.clock.wall_ms();
  const auto known = ports_.jobs.find(job.id);
  if (known && known->manifest == job.manifest) job.first_seen_wall_ms = known->first_seen_wall_ms;
  if (task.signature.bytes.empty() && !policy.require_signature) return job;
  TRIB_TRY(submitter, verify_job(ports_.trust(), manifest, task.signature,
                                 job.first_seen_wall_ms / 1000, policy.submitter_roles));
  if (task.dry_run && task.key.round > 0)
    return make_error(ErrorCode::kUnauthenticated, "a dry run was signed, which has no rounds");
  job.submitter = submitter.name;
  return job;
}

// What a person denied stays so, whatever the policy says later.
Status JobGate::await_person(const KnownJob& job, const SitePolicy& policy, Refused& why) {
  const auto known = ports_.jobs.find(job.id);
  const bool first = !known;
  if (known && known->manifest != job.manifest) {
    why = {Reason::kSignatureInvalid, "the site knows another job under this id",
           "what is offered is not what was first seen under this id"};
    ports_.log("job.untrusted", {{"job", job.id.value}, {"detail", why.detail}});
    return make_error(ErrorCode::kPermissionDenied, why.detail);
  }
  if (first || known->signature != job.signature ||
      job.asked_wall_ms >= known->asked_wall_ms + kAskedEveryMs) {
    TRIB_CHECK_OK(ports_.jobs.note(job));
  }
  TRIB_TRY(decision, ports_.jobs.decision(job));
  if (decision == Decision::kApproved) return {};
  if (decision == Decision::kNone && policy.approval == Approval::kAutomatic) return {};
  why = decision == Decision::kDenied
            ? denied("somebody denied this job, with `tributary-client jobs deny`")
            : pending("policy.approval is manual, and nobody has approved this job yet");
  if (decision == Decision::kNone && first)
    ports_.log("job.pending", {{"job", job.id.value}, {"submitter", job.submitter}});
  return make_error(ErrorCode::kPermissionDenied, why.detail);
}

std::optional<Refused> JobGate::hold(const Task& task) {
  const std::scoped_lock lock(mutex_);
  const Admission admission = admit_at_any_hour(task);
  const auto* refused = std::get_if<Refused>(&admission);
  return refused == nullptr ? std::nullopt : std::optional(*refused);
}

std::optional<Refused> JobGate::withhold(const TaskKey& result) {
  Task task;
  task.key = result;
  {
    const std::scoped_lock lock(mutex_);
    const Result<KnownJob> known = ports_.jobs.find(result.job);
    if (!known) return denied("what the site knew of the job is gone: " + known.error().message);
    task.document = known->document;
    task.model_file = known->module;
    task.dry_run = known->dry_run;
    task.signature = known->signature;
  }
  return hold(task);
}

Admission JobGate::admit(const Task& task) {
  const std::scoped_lock lock(mutex_);
  Admission admission = admit_at_any_hour(task);
  const auto* admitted = std::get_if<Admitted>(&admission);
  if (admitted == nullptr) return admission;
  if (!open_at(admitted->policy, minute_of_day(ports_.clock.wall_ms())))
    return pending("policy.hours do not name this time of the day");
  return admission;
}

Admission JobGate::admit_at_any_hour(const Task& task) {
  const Result<SitePolicy> policy = ports_.policy();
  if (!policy) {
    ports_.log("policy.unreadable", {{"detail", policy.error().message}});
    return unreadable_policy(policy.error().message);
  }
  const Result<KnownJob> known = identify(task, *policy);
  if (!known) {
    const std::string& detail = known.error().message;
    ports_.log("job.untrusted", {{"job", task.key.job.value}, {"detail", detail}});
    return Refused{Reason::kSignatureInvalid,
                   "the site cannot tell that an operator submitted this", detail};
  }
  Admission admission = admit_any(task);
  auto* admitted = std::get_if<Admitted>(&admission);
  if (admitted == nullptr) return admission;
  admitted->policy = *policy;
  if (const Status permitted = permits_all(*policy, ports_.site, *known, task, admitted->job);
      !permitted) {
    return denied(permitted.error().message);
  }
  Refused why = {Reason::kStorageFailed, "the site could not use its own files", ""};
  if (const Status decided = await_person(*known, *policy, why); !decided) {
    why.detail = decided.error().message;
    return why;
  }
  // A category is named where both the job and the policy find it common enough.
  std::int64_t& least = admitted->job.data.minimum_category_count;
  least = std::max(least, policy->min_count);
  return admission;
}

}  // namespace tributary
