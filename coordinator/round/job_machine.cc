// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/job_machine.h"

#include <algorithm>

#include "common/base/assert.h"
#include "common/base/limits.h"
#include "coordinator/round/selection.h"

namespace tributary {
namespace {

TaskKind next_kind(JobState state) {
  switch (state) {
    case JobState::kInitializing:
      return TaskKind::kInitialize;
    case JobState::kTraining:
      return TaskKind::kTrain;
    case JobState::kEvaluating:
      return TaskKind::kEvaluate;
    default:
      return TaskKind::kPrepare;
  }
}

}  // namespace

void JobMachine::start(TimePoint now, const Roster& roster, RoundEffects& out) {
  record_.state = JobState::kPreparing;
  out.push_back(SaveJob{record_});
  out.push_back(Report{"job.started",
                       {{"job", record_.id.value},
                        {"name", spec_.name},
                        {"rounds", std::int64_t{spec_.rounds.rounds}}}});
  advance(now, roster, out);
}

void JobMachine::resume(const std::vector<AcceptedUpdate>& accepted, RoundEffects& out) {
  for (const AcceptedUpdate& update : accepted) {
    if (update.key.round != record_.round + 1) continue;  // belongs to a round that was committed
    Participant& one = carried_[update.site];
    one.reason = Reason::kAccepted;
    one.result = TaskResult{update.key, update.result};
    one.update = update.result.update.digest;
    one.row = {.site = update.site,
               .kind = std::string(task_kind_name(TaskKind::kTrain)),
               .reason = std::string(reason_name(Reason::kAccepted)),
               .detail = "",
               .bytes = update.result.update.bytes,
               .examples = update.result.examples,
               .seconds = update.result.seconds,
               .loss = update.result.train_loss,
               .norm = update.norm};
    out.push_back(AbsorbUpdate{update, weight_max()});
  }
}

void JobMachine::add_blobs_in_use(std::set<Digest>& used) const {
  used.insert(record_.model.digest);
  used.insert(record_.model_file.digest);
  used.insert(elected_);
  const auto add_updates = [&used](const std::map<SiteName, Participant>& participants) {
    for (const auto& [site, one] : participants) {
      if (one.reason == Reason::kPending || one.reason == Reason::kAccepted)
        used.insert(one.update);
    }
  };
  add_updates(carried_);
  if (phase_) add_updates(phase_->participants());
}

void JobMachine::abort(TimePoint now, const std::string& why, RoundEffects& out) {
  finish(now, JobState::kAborted, why, out);
}

std::vector<SiteName> JobMachine::candidates(TaskKind kind, const Roster& roster) const {
  std::vector<SiteName> names;
  const std::vector<std::string>& allowed = spec_.rounds.sites;
  for (const auto& [site, datasets] : roster) {
    if (unfit_.contains(site) || carried_.contains(site)) continue;
    if (!allowed.empty() && std::ranges::find(allowed, site.value) == allowed.end()) continue;
    if (std::ranges::find(datasets, spec_.data.dataset) == datasets.end()) continue;
    const auto rows = record_.rows.find(site);
    if (kind == TaskKind::kInitialize && rows == record_.rows.end()) continue;
    if (kind == TaskKind::kTrain && rows != record_.rows.end() && rows->second.training == 0)
      continue;
    if (kind == TaskKind::kEvaluate && rows != record_.rows.end() && rows->second.validation == 0)
      continue;
    names.push_back(site);
  }
  return names;
}

std::uint64_t JobMachine::weight_max() const {
  std::uint64_t largest = 1;
  for (const auto& [site, rows] : record_.rows) largest = std::max(largest, rows.training);
  return std::min(largest, spec_.aggregation.example_cap);
}

std::size_t JobMachine::sites_needed(TaskKind kind) const {
  switch (kind) {
    case TaskKind::kPrepare:
      return spec_.rounds.minimum_sites;
    case TaskKind::kTrain:
      return std::max(spec_.rounds.minimum_sites, spec_.rounds.quorum);
    default:
      return 1;
  }
}

bool JobMachine::reopens(TaskKind kind) const {
  return kind == TaskKind::kTrain && record_.open_round == record_.round + 1 &&
         !record_.cohort.empty();
}

// True when the next phase can open. Otherwise the job waits, says for whom, and fails when the
// wait is over.
bool JobMachine::enough_sites(TimePoint now, TaskKind kind, const Roster& roster,
                              RoundEffects& out) {
  const std::size_t have = candidates(kind, roster).size() + carried_.size();
  const std::size_t need = sites_needed(kind);
  if (have >= need) {
    waiting_since_.reset();
    waiting_for_.clear();
    return true;
  }
  // Evaluation is worth having, not worth waiting for: with nobody to do it the job goes on without
  // figures.
  if (kind == TaskKind::kEvaluate) return true;
  // Of the sites that have the data none can do it: asked again they would say the same.
  const bool hopeless =
      !record_.rows.empty() && std::ranges::all_of(record_.rows, [this](const auto& entry) {
        return unfit_.contains(entry.first);
      });
  if (hopeless) {
    std::string why = "no site can " + std::string(task_kind_name(kind));
    for (const auto& [site, fault] : unfit_) why += "; " + site.value + ": " + fault;
    finish(now, JobState::kFailed, why, out);
    return false;
  }
  if (!waiting_since_) waiting_since_ = now;
  report_waiting(kind, have, roster, out);
  if (now >= *waiting_since_ + Milliseconds(spec_.rounds.wait_for_sites_ms)) {
    finish(now, JobState::kFailed,
           "waited " + std::to_string(spec_.rounds.wait_for_sites_ms / 1000) + " s for " +
               std::to_string(need) + " sites with dataset '" + spec_.data.dataset + "', " +
               std::to_string(have) + " were there",
           out);
  }
  return false;
}

void JobMachine::open_phase(TimePoint now, TaskKind kind, const Roster& roster, RoundEffects& out) {
  std::vector<SiteName> sites = candidates(kind, roster);
  const RoundNumber round = kind == TaskKind::kTrain ? record_.round + 1 : record_.round;
  if (kind == TaskKind::kInitialize) {
    sites =
        select_cohort(std::move(sites), limits::kInitializersMax, spec_.seed, 0, record_.attempt);
  } else if (kind == TaskKind::kTrain) {
    if (reopens(kind)) {  // after a restart: the same sites again; who stays away is lost after the
                          // grace time
      sites = record_.cohort;
      std::erase_if(sites, [&](const SiteName& s) { return carried_.contains(s); });
    } else {
      const std::size_t size = cohort_size(spec_.rounds, sites.size() + carried_.size());
      const std::size_t more = size > carried_.size() ? size - carried_.size() : 1;
      sites = select_cohort(std::move(sites), more, spec_.seed, round, record_.attempt);
      record_.open_round = round;
      record_.cohort = sites;
      out.push_back(SaveJob{record_});
    }
  }
  const auto total = static_cast<std::uint32_t>(sites.size() + carried_.size());
  const std::uint32_t train_quorum = spec_.rounds.quorum > 0 ? spec_.rounds.quorum : total;
  const std::uint32_t quorum = kind == TaskKind::kTrain ? train_quorum : 1;
  phase_.emplace(kind, round, record_.attempt, now + Milliseconds(spec_.rounds.deadline_ms),
                 quorum);
  phase_opened_ = now;
  phase_->participants() = carried_;
  report_phase_opened(sites, out);
  for (const SiteName& site : sites) {
    const bool online = roster.contains(site);
    phase_->add(site, now, online);
    if (online) offer(site, out);
  }
}

void JobMachine::offer(const SiteName& site, RoundEffects& out) const {
  Task task{.key = phase_->key(record_.id),
            .document = record_.document,
            .plan = record_.plan,
            .model = {},
            .model_file = record_.model_file,
            .deadline_ms = spec_.rounds.deadline_ms};
  if (phase_->kind() == TaskKind::kTrain || phase_->kind() == TaskKind::kEvaluate)
    task.model = record_.model;
  out.push_back(SendTask{site, std::move(task)});
}

void JobMachine::on_connected(const SiteName& site, RoundEffects& out) {
  unfit_.erase(site);
  Participant* one = phase_ ? phase_->pending(site) : nullptr;
  if (one == nullptr) return;
  one->lost_link.reset();
  if (one->checking) return;
  one->fetch_again_at.reset();
  one->result.reset();  // it offers its result again, and the upload goes on where it stopped
  offer(site, out);
}

void JobMachine::on_disconnected(TimePoint now, const SiteName& site) {
  if (!phase_) return;
  if (Participant* one = phase_->pending(site)) one->lost_link = now;
}

void JobMachine::settle(TimePoint now, const SiteName& site, Reason reason,
                        const std::string& detail, RoundEffects& out) {
  phase_->settle(site, now, reason, detail);
  const Participant& one = phase_->participants().at(site);
  if (makes_unfit(reason))
    unfit_[site] = std::string(reason_name(reason)) + (detail.empty() ? "" : " (" + detail + ")");
  if (reason == Reason::kDeadline || reason == Reason::kDisconnected ||
      reason == Reason::kUploadFailed) {
    out.push_back(SendCancel{site, phase_->key(record_.id), reason});
  } else {
    out.push_back(SendVerdict{site, phase_->key(record_.id), reason, detail});
  }
  report_outcome(site, one, out);
}

void JobMachine::advance(TimePoint now, const Roster& roster, RoundEffects& out) {
  // Bounded: each turn closes or opens one phase, and a job that cannot go on leaves the loop.
  for (int turn = 0; turn < 8 && !over() && record_.state != JobState::kQueued; ++turn) {
    if (finish_again_at_ && now >= *finish_again_at_) {
      finish_again_at_.reset();
      out.push_back(FinishRound{record_.id, record_.round + 1});
    }
    if (!initial_models_.empty() && now >= initial_model_by_) {
      on_initial_model(now, make_error(ErrorCode::kDeadlineExceeded, "not there by the deadline"),
                       initial_models_.front().first, out);
      continue;
    }
    if (storing() || (attempt_at_ && now < *attempt_at_)) return;
    attempt_at_.reset();
    if (phase_) {
      for (const SiteName& site : phase_->take_due_fetches(now)) {
        const TaskResult& result = *phase_->participants().at(site).result;
        out.push_back(FetchUpdate{site, result.key, std::get<TrainResult>(result.outcome).update});
      }
      for (const SiteName& site :
           phase_->expire(now, Milliseconds(spec_.rounds.disconnect_grace_ms))) {
        out.push_back(
            SendCancel{site, phase_->key(record_.id), phase_->participants().at(site).reason});
        report_outcome(site, phase_->participants().at(site), out);
      }
      if (!phase_->over()) return;
      close_phase(now, out);
    } else {
      const TaskKind kind = next_kind(record_.state);
      if (!reopens(kind) && !enough_sites(now, kind, roster, out)) return;
      open_phase(now, kind, roster, out);
    }
  }
}

std::optional<TimePoint> JobMachine::next_wake() const {
  if (over() || record_.state == JobState::kQueued) return std::nullopt;
  if (finishing_since_) return finish_again_at_;
  if (!initial_models_.empty()) return initial_model_by_;
  if (attempt_at_) return attempt_at_;
  const Milliseconds grace(spec_.rounds.disconnect_grace_ms);
  if (phase_) return phase_->next_wake(grace);
  if (!waiting_since_) return std::nullopt;
  return *waiting_since_ + Milliseconds(spec_.rounds.wait_for_sites_ms);
}

void JobMachine::retry(TimePoint now, const std::string& why, RoundEffects& out) {
  out.push_back(SaveRound{record_.id, round_row(now, "failed: " + why)});
  const bool again = record_.attempt < spec_.rounds.attempts;
  out.push_back(Report{
      again ? "round.retried" : "round.failed",
      {{"job", record_.id.value},
       {"round", std::int64_t{record_.round + (phase_->kind() == TaskKind::kTrain ? 1u : 0u)}},
       {"task", std::string(task_kind_name(phase_->kind()))},
       {"attempt", std::int64_t{record_.attempt}},
       {"attempts", std::int64_t{spec_.rounds.attempts}},
       {"reason", why}}});
  if (!again) {
    finish(now, JobState::kFailed,
           std::string(task_kind_name(phase_->kind())) + " failed " +
               std::to_string(record_.attempt) + " times: " + why,
           out);
    return;
  }
  if (phase_->kind() == TaskKind::kTrain) keep_accepted(phase_->participants());
  phase_.reset();
  attempt_at_ = now + Milliseconds(std::min(limits::kRetryMs, limits::kRetryFirstMs << std::min(
                                                                  record_.attempt - 1, 6u)));
  ++record_.attempt;
  record_.open_round = 0;
  record_.cohort.clear();
  out.push_back(SaveJob{record_});
}

// What was accepted stays in the sum: a retry of the round only asks others for the rest.
void JobMachine::keep_accepted(std::map<SiteName, Participant> participants) {
  std::erase_if(participants,
                [](const auto& entry) { return entry.second.reason != Reason::kAccepted; });
  carried_ = std::move(participants);
}

void JobMachine::finish(TimePoint now, JobState state, const std::string& detail,
                        RoundEffects& out) {
  TRIB_ASSERT(!over() && is_over(state), "a job ends once");
  if (phase_) {
    // What was accepted is of no use any more: its sites need not keep it.
    for (const SiteName& site : phase_->with(Reason::kAccepted))
      out.push_back(SendCommitted{site, record_.id, record_.round + 1});
    for (const SiteName& site : phase_->awaited()) {
      settle(now, site, state == JobState::kAborted ? Reason::kAborted : Reason::kNotNeeded,
             "the job ended", out);
    }
    if (state != JobState::kFinished)
      out.push_back(SaveRound{record_.id, round_row(now, std::string(job_state_name(state)))});
  }
  phase_.reset();
  finishing_since_.reset();
  finish_again_at_.reset();
  attempt_at_.reset();
  initial_models_.clear();
  waiting_since_.reset();
  waiting_for_.clear();
  record_.state = state;
  record_.detail = detail;
  record_.open_round = 0;
  record_.cohort.clear();
  out.push_back(SaveJob{record_});
  out.push_back(ForgetAccepted{record_.id});
  for (const auto& [site, one] : carried_)
    out.push_back(SendCommitted{site, record_.id, record_.round + 1});
  carried_.clear();
  out.push_back(CloseJob{record_.id});
  report_end(out);
}

}  // namespace tributary
