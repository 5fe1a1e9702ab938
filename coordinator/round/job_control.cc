// SPDX-License-Identifier: Apache-2.0
// JobMachine: what operators and restarts do to a job: start, resume, change, abort, and its end.
#include <algorithm>
#include <utility>

#include "common/base/assert.h"
#include "coordinator/round/job_machine.h"
#include "coordinator/round/made_sums.h"
#include "coordinator/round/privacy_budget.h"

namespace tributary {
namespace {

void apply(const JobChanges& changes, JobSpec& spec) {
  spec.priority = changes.priority.value_or(spec.priority);
  spec.rounds.deadline_ms = changes.deadline_ms.value_or(spec.rounds.deadline_ms);
  spec.rounds.quorum = changes.quorum.value_or(spec.rounds.quorum);
  spec.rounds.rounds = changes.rounds.value_or(spec.rounds.rounds);
}

void merge(const JobChanges& from, JobChanges& into) {
  if (from.paused) into.paused = from.paused;
  if (from.priority) into.priority = from.priority;
  if (from.deadline_ms) into.deadline_ms = from.deadline_ms;
  if (from.quorum) into.quorum = from.quorum;
  if (from.rounds) into.rounds = from.rounds;
}

}  // namespace

JobMachine::JobMachine(JobRecord record, JobSpec spec)
    : record_(std::move(record)), spec_(std::move(spec)) {
  apply(record_.changes, spec_);
}

void JobMachine::know(const SiteName& site, const std::vector<std::string>& datasets) {
  if (std::ranges::find(datasets, spec_.data.dataset) != datasets.end()) {
    known_.insert(site);
  } else {
    known_.erase(site);
  }
}

void JobMachine::start(RoundEffects& out) {
  record_.state = JobState::kPreparing;
  out.push_back(SaveJob{record_});
  out.push_back(Report{"job.started",
                       {{"job", record_.id.value},
                        {"name", spec_.name},
                        {"rounds", std::int64_t{spec_.rounds.rounds}}}});
}

void JobMachine::resume(TimePoint now, const JobRecovered& event, RoundEffects& out) {
  for (const AcceptedUpdate& update : event.lost) {
    if (spec_.privacy.secure_aggregation) {
      drop_sum(record_.id, update.site, update.into, out);
      continue;
    }
    drop_accepted(update.site, update.key, update.into, out);
    // It was accepted in an earlier attempt, and is not among those that are asked in this one.
    if (record_.open_round == update.into && !record_.late.contains(update.site) &&
        std::ranges::count(record_.cohort, update.site) == 0)
      record_.cohort.push_back(update.site);
  }
  if (!event.lost.empty()) out.push_back(SaveJob{record_});
  const std::uint64_t heaviest = heaviest_of(event.accepted, weight_max());
  for (const AcceptedUpdate& update : event.accepted) {
    if (update.into != record_.round + 1) continue;  // belongs to a round that was committed
    carried_.emplace(update.site, accepted_before(update));
    out.push_back(AbsorbUpdate{update, heaviest, weight_all(), clip_of(record_)});
    if (!spec_.privacy.secure_aggregation) record_.history[update.site].count(update.key.round);
  }
  returning_until_ = now + Milliseconds(spec_.rounds.disconnect_grace_ms);
  for (const auto& [site, task] : record_.late) {
    if (carried_.contains(site)) continue;
    Participant& one = late_[site];
    one.key = {record_.id, task.round, task.attempt, TaskKind::kTrain};
    one.model = task.model;
    one.asked = now;
    one.deadline = now + Milliseconds(spec_.rounds.deadline_ms);
    one.late = true;
    one.lost_link = now;
    one.row.site = site;
    one.row.kind = task_kind_name(TaskKind::kTrain);
    one.row.reason = reason_name(Reason::kPending);
  }
}

void JobMachine::abort(TimePoint now, const JobAbortRequested& event, RoundEffects& out) {
  finish(now, event.failed ? JobState::kFailed : JobState::kAborted, event.why, out);
}

void JobMachine::change(TimePoint now, const JobChangeRequested& event, const Roster& roster,
                        RoundEffects& out) {
  JobChanges changes = record_.changes;
  merge(event.changes, changes);
  if (changes == record_.changes) return;  // said before
  record_.changes = changes;
  apply(event.changes, spec_);
  out.push_back(SaveJob{record_});
  report_changes(event, out);
  if (paused()) {  // nobody is waited for meanwhile, and the waits begin anew after it
    waiting_since_.reset();
    waiting_for_.clear();
  }
  if (!phase_ || finishing_since_) return;
  phase_->set_rules(
      rules_for(phase_->kind(), asked_for(phase_->key().round, phase_->participants())));
  if (!event.changes.deadline_ms) return;
  const Milliseconds time = time_for(phase_->kind(), phase_->asked());
  for (const SiteName& site : phase_->awaited()) {
    Participant& one = phase_->at(site);
    if (one.late && !asynchronous()) continue;  // it has what it was told
    one.deadline = one.asked + time;
    // The same task once more: the site learns how long it has now.
    if (roster.contains(site) && now < one.deadline && !one.result) offer(now, site, out);
  }
}

// Whether the job could start is all that a dry run is to tell; what sites made for it is dropped.
void JobMachine::close_dry_run(TimePoint now, const std::string& what, RoundEffects& out) {
  const bool enough = phase_->kind() == TaskKind::kInitialize &&
                      phase_->accepted() >= std::max(spec_.rounds.minimum_sites, quorum());
  out.push_back(SaveRound{record_.id, round_row(now, enough ? "could run" : "could not run")});
  for (const auto& [site, one] : phase_->participants())
    out.push_back(SendCommitted{site, record_.id, 0});
  phase_.reset();
  finish(now, enough ? JobState::kFinished : JobState::kFailed, "dry run: " + what, out);
}

void JobMachine::finish(TimePoint now, JobState state, const std::string& detail,
                        RoundEffects& out) {
  TRIB_ASSERT(!over() && is_over(state), "a job ends once");
  const Reason reason = state == JobState::kAborted ? Reason::kAborted : Reason::kNotNeeded;
  std::set<SiteName> told;
  const auto release = [&](const SiteName& site) {  // it need not keep its update any more
    if (told.insert(site).second) out.push_back(SendCommitted{site, record_.id, record_.round + 1});
  };
  if (phase_) {
    for (const SiteName& site : phase_->with(Reason::kAccepted)) release(site);
    for (const SiteName& site : phase_->awaited()) settle(now, site, reason, "the job ended", out);
    if (state != JobState::kFinished)
      out.push_back(SaveRound{record_.id,
                              round_row(now, std::string(job_state_name(state)) + ": " + detail)});
  }
  phase_.reset();
  while (!late_.empty()) drop_late(SiteName(late_.begin()->first), reason, "the job ended", out);
  finishing_since_.reset();
  finish_again_at_.reset();
  attempt_at_.reset();
  initial_models_.clear();
  initial_model_again_at_.reset();
  waiting_since_.reset();
  waiting_for_.clear();
  record_.state = state;
  record_.detail = detail;
  record_.open_round = 0;
  record_.cohort.clear();
  save(out);
  out.push_back(ForgetAccepted{record_.id});
  if (spec_.privacy.secure_aggregation) {  // what was accepted in attempts that failed, too
    for (const auto& [site, rows] : record_.rows) release(site);
  } else {
    for (const auto& [site, one] : carried_) release(site);
  }
  carried_.clear();
  out.push_back(CloseJob{record_.id});
  report_end(out);
}

}  // namespace tributary
