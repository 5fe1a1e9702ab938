// SPDX-License-Identifier: Apache-2.0
// JobMachine: what it is at, how waits end and how phases open. Their ends are in job_closing.cc.
#include "coordinator/round/job_machine.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "coordinator/round/privacy_budget.h"
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

// Asked once, they are due no more.
void fetch_if_due(TimePoint now, const SiteName& site, Participant& one, RoundEffects& out) {
  if (!one.fetch_again_at || now < *one.fetch_again_at) return;
  one.fetch_again_at.reset();
  if (one.result)
    out.push_back(FetchUpdate{site, one.key, std::get<TrainResult>(one.result->outcome).update});
}

}  // namespace

void JobMachine::add_blobs_in_use(std::set<Digest>& used) const {
  used.insert(record_.model.digest);
  used.insert(record_.delta.blob.digest);
  used.insert(elected_);
  const auto add_updates = [&used](const Participants& participants) {
    for (const auto& [site, one] : participants) {
      if (one.reason == Reason::kPending) used.insert(one.model.digest);
      if (one.reason == Reason::kPending || one.reason == Reason::kAccepted)
        used.insert(one.update);
    }
  };
  add_updates(carried_);
  add_updates(late_);
  if (phase_) add_updates(phase_->participants());
}

std::vector<SiteName> JobMachine::working_sites() const {
  std::vector<SiteName> sites;
  if (phase_ && !finishing_since_) sites = phase_->awaited();
  for (const auto& [site, one] : late_) {
    if (!one.checked) sites.push_back(site);
  }
  return sites;
}

bool JobMachine::awaits(const SiteName& site, const TaskKey& key) const {
  const Participant* one = working(site);
  return one != nullptr && one->key == key;
}

// The record as it is, with those who work for an earlier round now.
void JobMachine::save(RoundEffects& out) {
  record_.late.clear();
  const auto note = [this](const SiteName& site, const Participant& one) {
    record_.late[site] = {one.key.round, one.key.attempt, one.model};
  };
  for (const auto& [site, one] : late_) note(site, one);
  if (phase_ && phase_->kind() == TaskKind::kTrain) {
    for (const auto& [site, one] : phase_->participants()) {
      if (one.reason == Reason::kPending && one.key != phase_->key()) note(site, one);
    }
  }
  out.push_back(SaveJob{record_});
}

void JobMachine::expire(TimePoint now, RoundEffects& out) {
  if (over() || record_.state == JobState::kQueued) return;
  std::erase_if(later_, [now](const auto& entry) { return entry.second <= now; });
  if (finish_again_at_ && now >= *finish_again_at_) {
    finish_again_at_.reset();
    out.push_back(FinishRound{record_.id, record_.round + 1});
  }
  expire_initial_model(now, out);
  expire_late(now, out);
  if (!phase_ || storing()) return;
  if (const auto look = phase_->next_look(); !look || now < *look) return;
  for (const SiteName& site : phase_->awaited()) fetch_if_due(now, site, phase_->at(site), out);
  for (const SiteName& site : phase_->expire(now)) {
    const Participant& one = phase_->at(site);
    out.push_back(SendCancel{site, one.key, one.reason});
    if (one.key.kind == TaskKind::kTrain) record_.history[site].note_time(now - one.asked);
    report_outcome(site, one, out);
  }
}

void JobMachine::expire_initial_model(TimePoint now, RoundEffects& out) {
  while (!initial_models_.empty() && now >= initial_model_by()) {
    const Reason reason = initial_model_again_at_ ? Reason::kStorageFailed : Reason::kUploadFailed;
    on_initial_model_failed(
        now, {record_.id, initial_models_.front().first, reason, "not stored by the deadline"},
        out);
  }
  if (initial_models_.empty() || !initial_model_again_at_ || now < *initial_model_again_at_) return;
  initial_model_again_at_.reset();
  const auto& [site, model] = initial_models_.front();
  out.push_back(FetchInitialModel{record_.id, site, model});
}

// Between the rounds that could take their updates, those who are late have no more time than in
// one.
void JobMachine::expire_late(TimePoint now, RoundEffects& out) {
  const PhaseRules rules = rules_for(TaskKind::kTrain, 0);
  std::map<SiteName, Expiry> over;
  for (auto& [site, one] : late_) fetch_if_due(now, site, one, out);
  for (const auto& [site, one] : late_) {
    if (const auto expiry = expiry_of(one, rules, now)) over.emplace(site, *expiry);
  }
  for (const auto& [site, expiry] : over) {
    record_.history[site].note_time(now - late_.at(site).asked);
    drop_late(site, expiry.reason, expiry.detail, out);
  }
}

bool JobMachine::open(TimePoint now, const Roster& roster, SiteTurns& turns, RoundEffects& out) {
  waits_for_turn_ = false;
  if (over() || record_.state == JobState::kQueued || storing()) return false;
  if (attempt_at_ && now < *attempt_at_) return false;
  attempt_at_.reset();
  if (phase_) return ask_more(now, roster, turns, out);
  const TaskKind kind = next_kind(record_.state);
  const bool again = reopens(kind);
  if (paused() && !again) return false;
  if (!again && !all_back(now, kind, roster)) return false;
  // A job that ends with this makes room for those that wait behind it.
  if (!again && !enough_sites(now, kind, roster, out)) return over();
  const std::vector<SiteName> sites = choose(kind, roster, turns);
  // Where none of those that could be asked is free, none was chosen.
  const std::vector<SiteName> wanted =
      sites.empty() && late_.empty() && !again ? candidates(kind, roster) : sites;
  const bool all_free =
      std::ranges::all_of(wanted, [&turns](const SiteName& site) { return turns.free(site); });
  if (!all_free && !again) {
    wait_for_turn(wanted, turns);
    turns.take(wanted);
    return false;
  }
  waiting_for_.clear();
  open_phase(now, kind, sites, roster, out);
  turns.take(sites);
  return true;
}

Milliseconds JobMachine::time_for(TaskKind kind, const std::vector<SiteName>& sites) const {
  return kind == TaskKind::kTrain ? deadline_for(spec_.rounds, sites, record_.history)
                                  : Milliseconds(spec_.rounds.deadline_ms);
}

PhaseRules JobMachine::rules_for(TaskKind kind, std::size_t asked) const {
  const RoundPolicy& policy = spec_.rounds;
  PhaseRules rules;
  rules.root = root_for(kind);
  rules.disconnect_grace = Milliseconds(policy.disconnect_grace_ms);
  if (kind != TaskKind::kTrain) return rules;
  const std::size_t root = rules.root ? 1 : 0;  // always among those that are asked
  rules.quorum =
      quorum() > 0 ? quorum() : static_cast<std::uint32_t>(std::max(asked, 1 + root) - root);
  rules.quorum = std::max(rules.quorum, record_.promised_sites);
  rules.target = policy.target;
  rules.grace = Milliseconds(policy.grace_ms);
  rules.waits_for_late = asynchronous();
  if (!asynchronous() && policy.carries_late()) rules.extension = Milliseconds(policy.deadline_ms);
  return rules;
}

void JobMachine::open_phase(TimePoint now, TaskKind kind, const std::vector<SiteName>& sites,
                            const Roster& roster, RoundEffects& out) {
  const bool training = kind == TaskKind::kTrain;
  const RoundNumber round = training ? record_.round + 1 : record_.round;
  if (training) {
    const auto least = static_cast<std::uint32_t>(least_sites_of(spec_.rounds));
    const bool anew = carried_.empty() && late_.empty();
    record_.promised_sites = anew ? least : std::max(least, record_.promised_sites);
  }
  // Secure sums of an earlier life are no sites.
  const Participants none, &before = spec_.privacy.secure_aggregation ? none : carried_;
  phase_.emplace(TaskKey{record_.id, round, record_.attempt, kind},
                 rules_for(kind, sites.size() + asked_for(round, before)));
  phase_opened_ = now;
  report_phase_opened(sites.size(), time_for(kind, sites), out);
  if (training) {
    for (const auto& [site, one] : before) phase_->join(site, one);
    take_up_late(now, out);
    if (!reopens(kind)) record_.cohort.clear();
    record_.open_round = round;
  }
  if (record_.dry_run)
    no_evaluator_ =
        spec_.evaluation.by_evaluators && candidates(TaskKind::kEvaluate, roster).empty();
  if (kind == TaskKind::kEvaluate) by_all_ = spec_.evaluation.by_evaluators || late_.empty();
  ask(now, sites, roster, out);
}

// Who is late takes part in the round that opens now, unless it is too late for that.
void JobMachine::take_up_late(TimePoint now, RoundEffects& out) {
  const RoundNumber round = phase_->key().round;
  const Participants all = std::exchange(late_, {});
  // Whoever has waited longest goes first: an asynchronous version may have no room for them all.
  std::vector<std::pair<SiteName, Participant>> late(all.begin(), all.end());
  std::ranges::stable_sort(late, {}, [](const auto& entry) {
    return std::pair(entry.second.key.round, entry.second.asked);
  });
  for (auto& [site, one] : late) {
    if (round - one.key.round > spec_.rounds.staleness.max) {
      if (!one.checked) record_.history[site].note_time(now - one.asked);
      late_.emplace(site, std::move(one));
      drop_late(site, Reason::kStale,
                "more than " + std::to_string(spec_.rounds.staleness.max) + " rounds late", out);
      continue;
    }
    const bool checked = one.checked;
    phase_->join(site, std::move(one));
    if (checked && !(asynchronous() && phase_->full())) fold(now, site, out);
  }
}

void JobMachine::ask(TimePoint now, const std::vector<SiteName>& sites, const Roster& roster,
                     RoundEffects& out) {
  const TaskKind kind = phase_->kind();
  const bool training = kind == TaskKind::kTrain;
  const Milliseconds time = time_for(kind, sites);
  const BlobRef model = training || kind == TaskKind::kEvaluate ? record_.model : BlobRef{};
  const std::set<SiteName> reopened(record_.cohort.begin(), record_.cohort.end());
  report_selected(sites, out);
  for (const SiteName& site : sites) {
    const bool online = roster.contains(site);
    phase_->ask(site, now, time, model, online);
    if (online) offer(now, site, out);
    if (!training || reopened.contains(site)) continue;
    record_.cohort.push_back(site);
    ++record_.history[site].asked;
  }
  if (training) save(out);
}

// An asynchronous round asks whoever is free as long as it is open.
bool JobMachine::ask_more(TimePoint now, const Roster& roster, SiteTurns& turns,
                          RoundEffects& out) {
  if (!asynchronous() || phase_->kind() != TaskKind::kTrain || paused()) return false;
  waiting_for_.clear();
  const std::size_t at_work = phase_->still_pending();
  const std::size_t most =
      spec_.rounds.concurrency > 0 ? spec_.rounds.concurrency : limits::kSitesMax;
  if (at_work >= most) return false;
  std::vector<SiteName> sites = candidates(TaskKind::kTrain, roster);
  const std::vector<SiteName> wanted = sites;
  std::erase_if(sites, [&turns](const SiteName& site) { return !turns.free(site); });
  waits_for_turn_ = sites.size() < wanted.size();
  if (sites.empty()) {
    if (waits_for_turn_ && at_work == 0) wait_for_turn(wanted, turns);
    return false;
  }
  const Draw draw{spec_.seed, phase_->key().round, record_.attempt, record_.cohort.size()};
  sites = select_cohort(spec_.rounds.selection, std::move(sites), most - at_work, draw, record_);
  ask(now, sites, roster, out);
  turns.take(sites);
  return true;
}

void JobMachine::offer(TimePoint now, const SiteName& site, RoundEffects& out) {
  const Participant& one = *working(site);
  const RoundPolicy& policy = spec_.rounds;
  const bool may_be_late =
      one.key.kind == TaskKind::kTrain && !asynchronous() && policy.carries_late() && !one.late;
  const Milliseconds more(policy.grace_ms + (may_be_late ? policy.deadline_ms : 0));
  const Milliseconds left = std::max(one.deadline - now + more, Milliseconds(1));
  const auto history = record_.history.find(site);
  auto least_sites = static_cast<std::uint32_t>(least_sites_of(policy));
  if (one.key.kind == TaskKind::kTrain) least_sites = std::max(least_sites, record_.promised_sites);
  out.push_back(SendTask{
      site, Task{.key = one.key,
                 .document = record_.document,
                 .plan = record_.plan,
                 .model = one.model,
                 .delta = one.model == record_.model ? record_.delta : ModelDelta{},
                 .model_file = record_.model_file,
                 .deadline_ms = left.count(),
                 .counted = one.key.kind == TaskKind::kTrain && history != record_.history.end()
                                ? history->second.counted
                                : 0,
                 .dry_run = record_.dry_run,
                 .signature = record_.signature,
                 .least_sites = least_sites,
                 .clip = one.key.kind == TaskKind::kTrain ? clip_for_sites(record_, spec_) : 0.0}});
}

bool JobMachine::close(TimePoint now, RoundEffects& out) {
  if (over() || !phase_ || storing() || !phase_->over(now)) return false;
  switch (phase_->kind()) {
    case TaskKind::kPrepare:
      close_prepare(now, out);
      break;
    case TaskKind::kInitialize:
      close_initialize(now, out);
      break;
    case TaskKind::kTrain: {
      // Whoever could fill an asynchronous round is busy for others, or not to be asked now.
      const bool held = asynchronous() && (waits_for_turn_ || paused());
      if (held && phase_->accepted() < phase_->rules().quorum) return false;
      close_train(now, out);
      break;
    }
    case TaskKind::kEvaluate:
      close_evaluate(now, out);
      break;
  }
  return true;
}

std::optional<TimePoint> JobMachine::next_wake() const {
  if (over() || record_.state == JobState::kQueued) return std::nullopt;
  std::optional<TimePoint> wake;
  if (finishing_since_) {
    wake = finish_again_at_;
  } else if (!initial_models_.empty()) {
    wake = initial_model_by();
    if (initial_model_again_at_) wake = std::min(*wake, *initial_model_again_at_);
  } else if (attempt_at_) {
    wake = attempt_at_;
  } else if (phase_) {
    wake = phase_->next_wake();
  } else if (returning_until_ && !paused()) {
    wake = returning_until_;
  } else if (waiting_since_) {
    wake = std::min(*waiting_since_ + Milliseconds(spec_.rounds.wait_for_sites_ms), alarm_at_);
  }
  const PhaseRules rules = rules_for(TaskKind::kTrain, 0);
  for (const auto& [site, one] : late_) {
    if (const auto at = wake_of(one, rules); at && (!wake || *at < *wake)) wake = at;
  }
  for (const auto& [site, at] : later_) {
    if (!wake || at < *wake) wake = at;
  }
  return wake;
}

}  // namespace tributary
