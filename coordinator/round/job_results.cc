// SPDX-License-Identifier: Apache-2.0
// JobMachine: what comes back from sites, and from the driver about their updates.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "common/base/limits.h"
#include "coordinator/round/job_machine.h"
#include "coordinator/round/made_sums.h"
#include "coordinator/round/pass.h"
#include "coordinator/round/privacy_budget.h"
#include "coordinator/round/staleness.h"

namespace tributary {
namespace {

const TrainResult& update_of(const Participant& one) {
  return std::get<TrainResult>(one.result->outcome);
}

std::string how_late(RoundNumber made_for, RoundNumber into, std::uint32_t share) {
  char counts[32];
  std::snprintf(counts, sizeof counts, "%.3f", static_cast<double>(share) / kFullShare);
  return "made for round " + std::to_string(made_for) + ", counts " + counts + " in round " +
         std::to_string(into);
}

}  // namespace

const Participant* JobMachine::working(const SiteName& site) const {
  if (phase_) {
    if (const Participant* one = phase_->pending(site)) return one;
  }
  const auto late = late_.find(site);
  return late == late_.end() ? nullptr : &late->second;
}

Participant* JobMachine::working(const SiteName& site) {
  if (phase_) {
    if (Participant* one = phase_->pending(site)) return one;
  }
  const auto late = late_.find(site);
  return late == late_.end() ? nullptr : &late->second;
}

Participant* JobMachine::awaited(const SiteName& site, const TaskKey& key) {
  Participant* one = working(site);
  return one != nullptr && one->key == key ? one : nullptr;
}

void JobMachine::on_connected(TimePoint now, const SiteName& site, RoundEffects& out) {
  unfit_.erase(site);
  later_.erase(site);
  barred_.erase(site);
  Participant* one = working(site);
  if (one == nullptr) return;
  one->lost_link.reset();
  if (one->checking || one->checked) return;
  one->fetch_again_at.reset();
  one->result.reset();  // it offers its result again, and the upload goes on where it stopped
  offer(now, site, out);
}

void JobMachine::on_disconnected(TimePoint now, const SiteName& site) {
  if (Participant* one = working(site)) one->lost_link = now;
}

// What it has delivered counts. A round that a restart opens again does not ask it.
void JobMachine::on_barred(TimePoint now, const SiteName& site, const std::string& why,
                           RoundEffects& out) {
  bar(site, why);
  const bool was_asked = std::erase(record_.cohort, site) > 0;
  if (working(site) != nullptr) {
    settle(now, site, Reason::kBarred, why, out);
    out.push_back(ReleaseBlobs{});
  }
  if (was_asked) save(out);
}

// A result that nobody waits for: the site keeps what was accepted and forgets the rest.
void JobMachine::answer_unexpected(const SiteReturned& event, RoundEffects& out) const {
  const TaskKey& key = event.result.key;
  const auto counted = [&](const Participants& participants) {
    const auto found = participants.find(event.site);
    return found != participants.end() && found->second.reason == Reason::kAccepted &&
           found->second.key == key;
  };
  const bool accepted = counted(carried_) || (phase_ && counted(phase_->participants()));
  // Between two attempts: it may be what the next one asks for. While a secure sum is made: its
  // site may be in it, from before a crash of ours.
  const bool summing = finishing_since_ && summed_secretly(spec_, key.kind) && !accepted;
  if (!over() && (!phase_ || summing) && key.kind == TaskKind::kTrain &&
      key.round == record_.round + 1)
    return;
  out.push_back(SendVerdict{event.site, key, accepted ? Reason::kAccepted : Reason::kStale,
                            accepted ? "" : "the coordinator no longer waits for this"});
}

// Why what came in cannot be a result of the task under way; none where it can.
std::optional<Refusal> JobMachine::refusal_of(const TaskOutcome& outcome,
                                              const Participant& one) const {
  const auto malformed = [](const Status& valid) {
    return valid ? std::nullopt
                 : std::optional<Refusal>({Reason::kMalformed, valid.error().message});
  };
  const auto* prepared = std::get_if<PrepareResult>(&outcome);
  const auto* initialized = std::get_if<InitializeResult>(&outcome);
  const auto* trained = std::get_if<TrainResult>(&outcome);
  const auto* evaluated = std::get_if<EvaluateResult>(&outcome);
  const TaskKind kind = one.key.kind;
  if (kind == TaskKind::kPrepare && prepared != nullptr)
    return malformed(validate_summary(prepared->summary));
  if (kind == TaskKind::kInitialize && initialized != nullptr) return std::nullopt;
  if (kind == TaskKind::kEvaluate && evaluated != nullptr) {
    if (summed_secretly(spec_, kind) && evaluated->counts.examples > 0)
      return Refusal{Reason::kMalformed, "counts in the clear for a secure sum"};
    return fits(evaluated->counts, spec_.data)
               ? malformed(validate_counts(evaluated->counts))
               : Refusal{Reason::kMalformed, "evaluation counts of another kind of label"};
  }
  if (kind == TaskKind::kTrain && trained != nullptr) {
    // An update that nobody is to see is not told, and no other is missing.
    if (trained->update.digest.is_none() != summed_secretly(spec_, kind))
      return Refusal{Reason::kMalformed, trained->update.digest.is_none()
                                             ? "the result names no update"
                                             : "an update in the clear for a secure sum"};
    // The same tensors as the model's: nothing that is much larger is worth its disk.
    if (trained->update.bytes <= record_.model.bytes + limits::kUpdateHeaderMax)
      return std::nullopt;
    return Refusal{Reason::kWrongShape, "an update of " + std::to_string(trained->update.bytes) +
                                            " bytes for a model of " +
                                            std::to_string(record_.model.bytes)};
  }
  return Refusal{Reason::kMalformed, "the result is of another kind than the task"};
}

void JobMachine::on_returned(TimePoint now, const SiteReturned& event, RoundEffects& out) {
  const TaskKey& key = event.result.key;
  Participant* one = awaited(event.site, key);
  if (one == nullptr) return answer_unexpected(event, out);
  if (one->result || one->checking) return;  // repeated while the upload or check runs
  one->row.seconds = static_cast<double>((now - one->asked).count()) / 1000.0;
  if (const auto* failure = std::get_if<TaskFailure>(&event.result.outcome))
    return settle(now, event.site, failure->reason, failure->detail, out);
  if (const std::optional<Refusal> refusal = refusal_of(event.result.outcome, *one))
    return settle(now, event.site, refusal->reason, refusal->detail, out);
  one->result = event.result;
  if (const auto* trained = std::get_if<TrainResult>(&event.result.outcome)) {
    const Digest before = std::exchange(one->update, trained->update.digest);
    if (!before.is_none() && before != one->update) out.push_back(ReleaseBlobs{});
    if (summed_secretly(spec_, key.kind))
      return settle(now, event.site, Reason::kAccepted, "", out);
    one->row.bytes = trained->update.bytes;
    one->row.examples = trained->examples;
    one->row.loss = trained->train_loss;
    out.push_back(FetchUpdate{event.site, key, trained->update});
    return;
  }
  if (const auto* evaluated = std::get_if<EvaluateResult>(&event.result.outcome);
      evaluated != nullptr && !summed_secretly(spec_, key.kind)) {
    const EvaluationFigures figures = figures_of(evaluated->counts, spec_.data.target);
    one->row.examples = figures.examples;
    one->row.loss = figures.loss;
    one->row.accuracy = figures.accuracy;
    one->row.auc = figures.auc;
    one->row.f1 = figures.f1;
    one->row.figures = figures.others;
    report_site_evaluated(event.site, figures, out);
  }
  settle(now, event.site, Reason::kAccepted, "", out);
}

void JobMachine::on_update_arrived(const UpdateArrived& event, RoundEffects& out) {
  Participant* one = awaited(event.site, event.key);
  if (one == nullptr || !one->result || one->checking || one->checked) return;
  one->checking = true;
  out.push_back(CheckUpdate{event.site, event.key, update_of(*one)});
}

void JobMachine::on_update_lost(TimePoint now, const UpdateLost& event, RoundEffects& out) {
  Participant* one = awaited(event.site, event.key);
  if (one == nullptr || !one->result || one->checking || one->checked) return;
  if (event.reason == Reason::kDisconnected) {  // it may come back and go on with the upload
    one->result.reset();
    return;
  }
  if (event.reason == Reason::kStorageFailed)
    return fetch_again(now, event.site, event.detail, out);
  settle(now, event.site, event.reason, event.detail, out);
}

// A fault of our own costs no site its update and no round an attempt, only time.
void JobMachine::fetch_again(TimePoint now, const SiteName& site, const std::string& why,
                             RoundEffects& out) {
  Participant& one = *working(site);
  one.fetch_again_at = now + Milliseconds(limits::kFinishRetryMs);
  report_stalled(one.key.round, "update of " + site.value + ": " + why, out);
}

void JobMachine::on_update_checked(TimePoint now, const UpdateChecked& event, RoundEffects& out) {
  Participant* one = awaited(event.site, event.key);
  if (one == nullptr || !one->checking) return;
  one->checking = false;
  if (event.reason == Reason::kStorageFailed)
    return fetch_again(now, event.site, event.detail, out);
  one->row.norm = event.norm;
  if (event.reason != Reason::kAccepted)
    return settle(now, event.site, event.reason, event.detail, out);
  if (late_.contains(event.site)) {
    one->checked = true;  // no round is open that could take it
  } else {
    fold(now, event.site, out);
  }
}

// A checked update of a participant of the open round, into its sum.
void JobMachine::fold(TimePoint now, const SiteName& site, RoundEffects& out) {
  // Whoever counts more than is needed is missing in a later round of the pass.
  if (rounds_per_pass_of(spec_) > 0 && phase_->full())
    return settle(now, site, Reason::kNotNeeded, "enough updates were in", out);
  // Nobody asks such a site; whatever did, its second update would break the promise.
  if (counted_in_pass(record_, spec_, site))
    return settle(now, site, Reason::kNotNeeded, "an update of it counts in this pass already",
                  out);
  const Participant& one = *phase_->pending(site);
  const RoundNumber into = phase_->key().round;
  const std::uint32_t share = staleness_share(spec_.rounds.staleness, into - one.key.round);
  AcceptedUpdate update{one.key, site, into, share, update_of(one), one.row.norm};
  out.push_back(SaveAccepted{update});
  out.push_back(AbsorbUpdate{std::move(update), weight_max(), weight_all(), clip_of(record_)});
  settle(now, site, Reason::kAccepted,
         into == one.key.round ? "" : how_late(one.key.round, into, share), out);
}

void JobMachine::ask_for_all_again(TimePoint now, const RoundNotFinished& event,
                                   RoundEffects& out) {
  finishing_since_.reset();
  if (spec_.privacy.secure_aggregation) {
    for (const auto& [sum, one] : carried_) drop_sum(record_.id, sum, event.round, out);
    for (const SiteName& site : phase_->with(Reason::kAccepted))
      uncount(record_.history[site], event.round);
  } else {
    for (const SiteName& site : phase_->with(Reason::kAccepted))
      drop_accepted(site, phase_->at(site).key, event.round, out);
  }
  retry(now, event.detail, out);
  carried_.clear();
}

void JobMachine::drop_accepted(const SiteName& site, const TaskKey& key, RoundNumber into,
                               RoundEffects& out) {
  uncount(record_.history[site], key.round);
  out.push_back(DropAccepted{record_.id, into, site});
  out.push_back(Report{"update.lost",
                       {{"job", record_.id.value},
                        {"round", std::int64_t{into}},
                        {"site", site.value},
                        {"detail",
                         "its bytes lay in memory, or the disk lost them; the site, "
                         "which keeps them, is asked again"}}});
}

void JobMachine::settle(TimePoint now, const SiteName& site, Reason reason,
                        const std::string& detail, RoundEffects& out) {
  if (reason == Reason::kPolicyPending) later_[site] = now + Milliseconds(limits::kPendingMs);
  if (makes_unfit(reason))
    unfit_[site] = std::string(reason_name(reason)) + (detail.empty() ? "" : " (" + detail + ")");
  if (late_.contains(site)) return drop_late(site, reason, detail, out);
  phase_->settle(site, now, reason, detail);
  const Participant& one = phase_->at(site);
  out.push_back(SendVerdict{site, one.key, reason, detail});
  if (reason == Reason::kAccepted && phase_->kind() == TaskKind::kTrain) {
    ++record_.history[site].accepted;
    record_.history[site].count(one.key.round);
    // An update that the site kept over a restart of ours took as long as the site says.
    const double most = static_cast<double>(spec_.rounds.deadline_ms) / 1000.0;
    const double seconds = std::max(one.row.seconds, std::min(update_of(one).seconds, most));
    record_.history[site].note_time(Milliseconds(static_cast<std::int64_t>(seconds * 1000.0)));
  }
  report_outcome(site, one, out);
}

// The rounds that asked it or waited for it have said so; what becomes of it now is no round's.
void JobMachine::drop_late(const SiteName& site, Reason reason, const std::string& detail,
                           RoundEffects& out) {
  const TaskKey key = late_.at(site).key;
  out.push_back(SendVerdict{site, key, reason, detail});
  out.push_back(Report{"update.dropped",
                       {{"job", record_.id.value},
                        {"round", std::int64_t{key.round}},
                        {"attempt", std::int64_t{key.attempt}},
                        {"site", site.value},
                        {"reason", std::string(reason_name(reason))},
                        {"detail", detail}}});
  late_.erase(site);
}

}  // namespace tributary
