// SPDX-License-Identifier: Apache-2.0
// JobMachine: what the end of each phase leads to.
#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "coordinator/round/job_machine.h"
#include "coordinator/round/pass.h"
#include "coordinator/round/privacy_budget.h"

namespace tributary {
namespace {

// Whether the job lets it take part.
bool names(const RoundPolicy& policy, const SiteName& site) {
  return policy.sites.empty() || std::ranges::count(policy.sites, site.value) > 0;
}

}  // namespace

void JobMachine::close_prepare(TimePoint now, RoundEffects& out) {
  std::map<SiteName, SiteRows> rows;
  std::map<std::string, DataSummary> summaries;
  std::uint32_t trainers = 0;
  std::uint64_t root_rows = 0;
  const std::optional<SiteName> root = root_for(TaskKind::kPrepare);
  for (const SiteName& site : phase_->with(Reason::kAccepted)) {
    const DataSummary& summary = std::get<PrepareResult>(phase_->at(site).result->outcome).summary;
    if (site == root) {  // what the sites agree on is of their data only
      root_rows = summary.training_rows;
      continue;
    }
    rows[site] = {summary.training_rows, summary.validation_rows};
    summaries[site.value] = summary;
    if (summary.training_rows > 0) ++trainers;
  }
  std::string why;
  if (trainers < spec_.rounds.minimum_sites) {
    why = std::to_string(trainers) + " sites can train, minimum_sites is " +
          std::to_string(spec_.rounds.minimum_sites);
    for (const auto& [site, of] : rows) {
      if (of.training == 0) why += "; " + site.value + ": no rows to train on";
    }
    for (const std::string& name : spec_.rounds.sites) {
      if (!phase_->has(SiteName{name})) why += "; " + name + ": not on the link";
    }
  }
  if (root && root_rows == 0) {
    why += (why.empty() ? "the root " : "; the root ") + root->value +
           (phase_->has_root()   ? " has no rows to train on"
            : phase_->has(*root) ? " could not prepare"
                                 : " is not on the link as an evaluator");
  }
  if (why.empty() && rounds_per_pass_of(spec_) > 0) {
    const auto away = std::ranges::count_if(known_, [this](const SiteName& site) {
      return !phase_->has(site) && !barred_.contains(site) && names(spec_.rounds, site);
    });
    why = why_pass_is_too_long(spec_, trainers, static_cast<std::uint64_t>(away), quorum());
    if (why.empty()) report_short_pass(record_, spec_, trainers, out);
  }
  if (!why.empty()) {
    if (record_.dry_run) return close_dry_run(now, why + faults_of_sites(), out);
    return retry_or_fail(now, why, out);
  }
  const Result<DataPlan> plan = agree_on_plan(spec_.data, summaries);
  if (!plan) return finish(now, JobState::kFailed, "no data plan: " + plan.error().message, out);
  out.push_back(SaveRound{record_.id, round_row(now, "prepared")});
  record_.plan = *plan;
  record_.rows = std::move(rows);
  record_.state = JobState::kInitializing;
  record_.attempt = 1;
  phase_.reset();
  save(out);
}

// What went wrong at each site, for the reason of a failed phase.
std::string JobMachine::faults_of_sites() const {
  std::string faults;
  for (const auto& [site, one] : phase_->participants()) {
    if (one.row.reason == reason_name(Reason::kAccepted)) continue;
    faults += "; " + site.value + ": " + one.row.reason +
              (one.row.detail.empty() ? "" : " (" + one.row.detail + ")");
  }
  return std::string(cut_utf8(faults, limits::kLogValueBytesMax / 2));
}

// Sites that cannot do it as they are would say so again: only lost or slow ones are worth another
// try.
void JobMachine::retry_or_fail(TimePoint now, std::string why, RoundEffects& out) {
  why += faults_of_sites();
  const bool may_change = std::ranges::any_of(phase_->participants(), [](const auto& entry) {
    return entry.second.reason != Reason::kAccepted && !makes_unfit(entry.second.reason);
  });
  if (may_change) return retry(now, why, out);
  finish(now, JobState::kFailed, why, out);
}

void JobMachine::retry(TimePoint now, const std::string& why, RoundEffects& out) {
  if (postpone(now, why, out)) return;
  const TaskKind kind = phase_->kind();
  const bool again = record_.attempt < spec_.rounds.attempts;
  out.push_back(Report{again ? "round.retried" : "round.failed",
                       {{"job", record_.id.value},
                        {"round", std::int64_t{phase_->key().round}},
                        {"task", std::string(task_kind_name(kind))},
                        {"attempt", std::int64_t{record_.attempt}},
                        {"attempts", std::int64_t{spec_.rounds.attempts}},
                        {"reason", why}}});
  if (!again) {
    finish(now, JobState::kFailed,
           std::string(task_kind_name(kind)) + " failed " + std::to_string(record_.attempt) +
               " times: " + why,
           out);
    return;
  }
  out.push_back(SaveRound{record_.id, round_row(now, "failed: " + why)});
  if (kind == TaskKind::kTrain) keep_accepted();
  for (const auto& [site, one] : phase_->participants()) {
    if (kind == TaskKind::kTrain && one.reason != Reason::kAccepted) ++record_.shortfalls[site];
  }
  phase_.reset();
  attempt_at_ = now + Milliseconds(std::min(limits::kRetryMs, limits::kRetryFirstMs << std::min(
                                                                  record_.attempt - 1, 6u)));
  ++record_.attempt;
  waiting_for_ = "pauses before attempt " + std::to_string(record_.attempt) + " of " +
                 std::to_string(spec_.rounds.attempts);
  record_.open_round = 0;
  record_.cohort.clear();
  save(out);
}

// What was accepted stays in the sum: a retry of the round only asks others for the rest.
void JobMachine::keep_accepted() {
  if (spec_.privacy.secure_aggregation) return;  // nothing of it is here
  carried_.clear();
  for (const SiteName& site : phase_->with(Reason::kAccepted))
    carried_.emplace(site, phase_->at(site));
}

void JobMachine::close_initialize(TimePoint now, RoundEffects& out) {
  std::map<Digest, std::vector<std::pair<SiteName, BlobRef>>> votes;
  for (const SiteName& site : phase_->with(Reason::kAccepted)) {
    const BlobRef model = std::get<InitializeResult>(phase_->at(site).result->outcome).model;
    votes[model.digest].emplace_back(site, model);
  }
  if (record_.dry_run) {
    std::size_t asked = phase_->participants().size();
    std::string faults = faults_of_sites();
    for (const auto& [site, fault] : unfit_) {  // those who said so when they were to prepare
      if (phase_->has(site)) continue;
      ++asked;
      faults += "; " + site.value + ": " + fault;
    }
    return close_dry_run(now,
                         std::to_string(phase_->accepted()) + " of " + std::to_string(asked) +
                             " sites could" +
                             (no_evaluator_ ? "; no evaluator is on the link" : "") +
                             std::string(cut_utf8(faults, limits::kLogValueBytesMax / 2)),
                         out);
  }
  if (votes.empty()) return retry_or_fail(now, "no site could build the model", out);
  // Ties go to the smallest digest: any fixed rule will do, as long as it is one.
  const auto most =
      std::ranges::max_element(votes, {}, [](const auto& entry) { return entry.second.size(); });
  initial_models_ = most->second;
  elected_ = most->first;
  out.push_back(SaveRound{record_.id, round_row(now, "initialized")});
  ask_for_initial_model(now, out);
}

void JobMachine::ask_for_initial_model(TimePoint now, RoundEffects& out) {
  if (initial_models_.empty())
    return retry(now, "no site delivered the initial model" + faults_of_sites(), out);
  const auto& [site, model] = initial_models_.front();
  initial_model_asked_ = now;
  out.push_back(FetchInitialModel{record_.id, site, model});
}

TimePoint JobMachine::initial_model_by() const {
  return initial_model_asked_ + Milliseconds(spec_.rounds.deadline_ms);
}

void JobMachine::on_initial_model_failed(TimePoint now, const InitialModelFailed& event,
                                         RoundEffects& out) {
  if (over() || initial_models_.empty() || initial_models_.front().first != event.site) return;
  if (event.reason == Reason::kStorageFailed && now < initial_model_by()) {
    initial_model_again_at_ = now + Milliseconds(limits::kFinishRetryMs);
    return report_stalled(0, "initial model of " + event.site.value + ": " + event.detail, out);
  }
  Participant& one = phase_->at(event.site);
  one.row.reason = reason_name(event.reason);
  one.row.detail = event.detail;
  report_outcome(event.site, one, out);
  initial_models_.erase(initial_models_.begin());
  initial_model_again_at_.reset();
  ask_for_initial_model(now, out);
}

void JobMachine::on_initial_model_stored(const InitialModelStored& event, RoundEffects& out) {
  if (over() || initial_models_.empty()) return;
  for (const auto& [site, one] : phase_->participants())
    out.push_back(SendCommitted{site, record_.id, 0});
  initial_models_.clear();
  initial_model_again_at_.reset();
  elected_ = {};
  phase_.reset();
  record_.model = event.model;
  record_.state = JobState::kTraining;
  record_.attempt = 1;
  save(out);
}

void JobMachine::close_train(TimePoint now, RoundEffects& out) {
  if (!phase_->enough()) {
    std::string why = std::to_string(phase_->accepted()) + " updates accepted, quorum is " +
                      std::to_string(phase_->rules().quorum);
    if (!phase_->has_root()) why += ", and none of the root " + phase_->rules().root->value;
    return retry(now, why + faults_of_sites(), out);
  }
  const bool last = phase_->key().round >= spec_.rounds.rounds;
  if (spec_.rounds.carries_late() && !last) {
    late_ = phase_->take_pending(now);
    for (const auto& [site, one] : late_) {
      if (one.key == phase_->key()) report_outcome(site, phase_->at(site), out);
    }
  } else {
    for (const SiteName& site : phase_->awaited()) {
      const Participant& one = phase_->at(site);
      const bool late = one.late && one.key == phase_->key();
      record_.history[site].note_time(now - one.asked);
      settle(
          now, site, late ? Reason::kDeadline : Reason::kNotNeeded,
          late ? "not done by the deadline, and this was the last round" : "enough updates were in",
          out);
    }
  }
  // Sums of an earlier life are as good as new ones, and a second sum on one model would tell more.
  if (spec_.privacy.secure_aggregation && carried_.empty()) return make_sum(now, out);
  finishing_since_ = now;
  out.push_back(FinishRound{record_.id, record_.round + 1});
}

void JobMachine::on_round_finished(TimePoint now, const RoundFinished& event, RoundEffects& out) {
  if (!finishing_since_ || event.round != record_.round + 1) return;
  finishing_since_.reset();
  RoundRow row = round_row(now, "committed");
  row.examples = event.examples;
  row.update_norm = event.update_norm;
  row.model = event.model.digest;
  if (event.spent) {
    row.epsilon = event.spent->epsilon;
    row.clip = clip_of(record_);
    record_.spent = event.spent;
  }
  for (const auto& [site, one] : phase_->participants()) {
    if (one.reason != Reason::kLate) out.push_back(SendCommitted{site, record_.id, event.round});
  }
  record_.round = event.round;
  record_.delta = {};
  if (!event.delta.digest.is_none()) record_.delta = {record_.model.digest, event.delta};
  record_.model = event.model;
  record_.open_round = 0;
  record_.cohort.clear();
  record_.shortfalls.clear();
  record_.attempt = 1;
  const bool last = record_.round >= spec_.rounds.rounds || budget_is_spent(record_, spec_);
  const bool evaluate =
      last || (spec_.evaluation.every > 0 && record_.round % spec_.evaluation.every == 0);
  record_.state = evaluate ? JobState::kEvaluating : JobState::kTraining;
  carried_.clear();
  phase_.reset();
  out.push_back(SaveRound{record_.id, row});
  save(out);
  if (event.spent) out.push_back(SaveSpending{spending_of(record_, spec_)});
  out.push_back(ForgetAccepted{record_.id});
  report_committed(event, row, out);
}

void JobMachine::on_round_not_finished(TimePoint now, const RoundNotFinished& event,
                                       RoundEffects& out) {
  if (!finishing_since_ || event.round != record_.round + 1) return;
  if (event.for_good) {
    return finish(now, JobState::kFailed,
                  "round " + std::to_string(event.round) + ": " + event.detail, out);
  }
  if (event.lost) return ask_for_all_again(now, event, out);
  // Every update is accepted and kept, so nothing is lost by trying again: a full disk may be
  // cleared meanwhile.
  const TimePoint give_up = *finishing_since_ + Milliseconds(spec_.rounds.wait_for_sites_ms);
  if (now >= give_up) {
    return finish(now, JobState::kFailed,
                  "round " + std::to_string(event.round) + " could not be stored: " + event.detail,
                  out);
  }
  finish_again_at_ = std::min(now + Milliseconds(limits::kFinishRetryMs), give_up);
  report_stalled(event.round, event.detail, out);
}

void JobMachine::next_round(TimePoint now, RoundEffects& out) {
  if (record_.round >= spec_.rounds.rounds) return finish(now, JobState::kFinished, "", out);
  if (budget_is_spent(record_, spec_))
    return finish(now, JobState::kFinished, why_budget_is_spent(record_, spec_), out);
  record_.state = JobState::kTraining;
  record_.attempt = 1;
  save(out);
}

}  // namespace tributary
