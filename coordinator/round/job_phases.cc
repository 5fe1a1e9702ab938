// SPDX-License-Identifier: Apache-2.0
// JobMachine: what comes back from sites and from the driver, and what the end of each phase leads
// to.
#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "coordinator/round/job_machine.h"

namespace tributary {

// A result that nobody waits for: the site keeps what was accepted and forgets the rest.
void JobMachine::answer_unexpected(const SiteReturned& event, RoundEffects& out) const {
  const TaskKey& key = event.result.key;
  const auto carried = carried_.find(event.site);
  const bool folded = carried != carried_.end() && carried->second.result->key == key;
  const auto* settled = phase_ && phase_->participants().contains(event.site)
                            ? &phase_->participants().at(event.site)
                            : nullptr;
  const bool accepted = folded || (settled != nullptr && phase_->key(record_.id) == key &&
                                   settled->reason == Reason::kAccepted);
  out.push_back(SendVerdict{event.site, key, accepted ? Reason::kAccepted : Reason::kStale,
                            accepted ? "" : "the coordinator no longer waits for this"});
}

// Why what came in cannot be a result of the task under way; none where it can.
std::optional<JobMachine::Refusal> JobMachine::refusal_of(const TaskOutcome& outcome) const {
  const auto malformed = [](const Status& valid) {
    return valid ? std::nullopt
                 : std::optional<Refusal>({Reason::kMalformed, valid.error().message});
  };
  const auto* prepared = std::get_if<PrepareResult>(&outcome);
  const auto* initialized = std::get_if<InitializeResult>(&outcome);
  const auto* trained = std::get_if<TrainResult>(&outcome);
  const auto* evaluated = std::get_if<EvaluateResult>(&outcome);
  const TaskKind kind = phase_->kind();
  if (kind == TaskKind::kPrepare && prepared != nullptr)
    return malformed(validate_summary(prepared->summary));
  if (kind == TaskKind::kInitialize && initialized != nullptr) return std::nullopt;
  if (kind == TaskKind::kEvaluate && evaluated != nullptr)
    return fits(evaluated->counts, spec_.data)
               ? malformed(validate_counts(evaluated->counts))
               : Refusal{Reason::kMalformed, "evaluation counts of another kind of label"};
  if (kind == TaskKind::kTrain && trained != nullptr) {
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
  Participant* one =
      phase_ && phase_->key(record_.id) == key ? phase_->pending(event.site) : nullptr;
  if (one == nullptr) return answer_unexpected(event, out);
  if (one->result || one->checking) return;  // repeated while the upload or check runs
  one->row.seconds = static_cast<double>((now - one->asked).count()) / 1000.0;
  if (const auto* failure = std::get_if<TaskFailure>(&event.result.outcome))
    return settle(now, event.site, failure->reason, failure->detail, out);
  if (const std::optional<Refusal> refusal = refusal_of(event.result.outcome))
    return settle(now, event.site, refusal->reason, refusal->detail, out);
  one->result = event.result;
  if (const auto* trained = std::get_if<TrainResult>(&event.result.outcome)) {
    const Digest before = std::exchange(one->update, trained->update.digest);
    if (!before.is_none() && before != one->update) out.push_back(ReleaseBlobs{});
    one->row.bytes = trained->update.bytes;
    one->row.examples = trained->examples;
    one->row.loss = trained->train_loss;
    out.push_back(FetchUpdate{event.site, key, trained->update});
    return;
  }
  if (const auto* evaluated = std::get_if<EvaluateResult>(&event.result.outcome)) {
    one->row.examples = evaluated->counts.examples;
    one->row.loss = figures_of(evaluated->counts).loss;
    report_site_evaluated(event.site, evaluated->counts, out);
  }
  settle(now, event.site, Reason::kAccepted, "", out);
}

void JobMachine::on_update_arrived(const UpdateArrived& event, RoundEffects& out) {
  Participant* one =
      phase_ && phase_->key(record_.id) == event.key ? phase_->pending(event.site) : nullptr;
  if (one == nullptr || !one->result || one->checking) return;
  one->checking = true;
  out.push_back(CheckUpdate{event.site, event.key, std::get<TrainResult>(one->result->outcome)});
}

void JobMachine::on_update_lost(TimePoint now, const UpdateLost& event, RoundEffects& out) {
  Participant* one =
      phase_ && phase_->key(record_.id) == event.key ? phase_->pending(event.site) : nullptr;
  if (one == nullptr || !one->result || one->checking) return;
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
  phase_->pending(site)->fetch_again_at = now + Milliseconds(limits::kFinishRetryMs);
  out.push_back(Report{"round.stalled",
                       {{"job", record_.id.value},
                        {"round", std::int64_t{phase_->key(record_.id).round}},
                        {"detail", "update of " + site.value + ": " + why},
                        {"retry_after_ms", limits::kFinishRetryMs}}});
}

void JobMachine::on_update_checked(TimePoint now, const UpdateChecked& event, RoundEffects& out) {
  Participant* one =
      phase_ && phase_->key(record_.id) == event.key ? phase_->pending(event.site) : nullptr;
  if (one == nullptr || !one->checking) return;
  one->checking = false;
  if (event.reason == Reason::kStorageFailed)
    return fetch_again(now, event.site, event.detail, out);
  one->row.norm = event.norm;
  if (event.reason == Reason::kAccepted) {
    AcceptedUpdate update{event.key, event.site, std::get<TrainResult>(one->result->outcome),
                          event.norm};
    out.push_back(SaveAccepted{update});
    out.push_back(AbsorbUpdate{std::move(update), weight_max()});
  }
  settle(now, event.site, event.reason, event.detail, out);
}

void JobMachine::close_phase(TimePoint now, RoundEffects& out) {
  switch (phase_->kind()) {
    case TaskKind::kPrepare:
      return close_prepare(now, out);
    case TaskKind::kInitialize:
      return close_initialize(now, out);
    case TaskKind::kTrain:
      return close_train(now, out);
    case TaskKind::kEvaluate:
      return close_evaluate(now, out);
  }
}

void JobMachine::close_prepare(TimePoint now, RoundEffects& out) {
  std::map<SiteName, SiteRows> rows;
  std::map<std::string, DataSummary> summaries;
  std::uint32_t trainers = 0;
  for (const SiteName& site : phase_->with(Reason::kAccepted)) {
    const DataSummary& summary =
        std::get<PrepareResult>(phase_->participants().at(site).result->outcome).summary;
    rows[site] = {summary.training_rows, summary.validation_rows};
    summaries[site.value] = summary;
    if (summary.training_rows > 0) ++trainers;
  }
  if (trainers < spec_.rounds.minimum_sites) {
    std::string why = std::to_string(trainers) + " sites can train, minimum_sites is " +
                      std::to_string(spec_.rounds.minimum_sites);
    for (const auto& [site, of] : rows) {
      if (of.training == 0) why += "; " + site.value + ": no rows to train on";
    }
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
  out.push_back(SaveJob{record_});
}

// What went wrong at each site, for the reason of a failed phase.
std::string JobMachine::faults_of_sites() const {
  std::string faults;
  for (const auto& [site, one] : phase_->participants()) {
    if (one.reason == Reason::kAccepted) continue;
    faults += "; " + site.value + ": " + std::string(reason_name(one.reason)) +
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

void JobMachine::close_initialize(TimePoint now, RoundEffects& out) {
  std::map<Digest, std::vector<std::pair<SiteName, BlobRef>>> votes;
  for (const SiteName& site : phase_->with(Reason::kAccepted)) {
    const BlobRef model =
        std::get<InitializeResult>(phase_->participants().at(site).result->outcome).model;
    votes[model.digest].emplace_back(site, model);
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
  initial_model_by_ = now + Milliseconds(spec_.rounds.deadline_ms);
  out.push_back(FetchInitialModel{record_.id, site, model});
}

void JobMachine::on_initial_model(TimePoint now, const Result<BlobRef>& model, const SiteName& from,
                                  RoundEffects& out) {
  if (over() || initial_models_.empty()) return;
  if (!model) {
    if (initial_models_.front().first != from) return;
    Participant& one = phase_->participants().at(from);
    one.reason = Reason::kUploadFailed;
    one.row.reason = reason_name(one.reason);
    one.row.detail = model.error().message;
    report_outcome(from, one, out);
    initial_models_.erase(initial_models_.begin());
    return ask_for_initial_model(now, out);
  }
  for (const auto& [site, one] : phase_->participants())
    out.push_back(SendCommitted{site, record_.id, 0});
  initial_models_.clear();
  elected_ = {};
  phase_.reset();
  record_.model = *model;
  record_.state = JobState::kTraining;
  record_.attempt = 1;
  out.push_back(SaveJob{record_});
}

void JobMachine::close_train(TimePoint now, RoundEffects& out) {
  if (phase_->accepted() < phase_->quorum()) {
    return retry(now,
                 std::to_string(phase_->accepted()) + " updates accepted, quorum is " +
                     std::to_string(phase_->quorum()) + faults_of_sites(),
                 out);
  }
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
  record_.round = event.round;
  record_.model = event.model;
  record_.open_round = 0;
  record_.cohort.clear();
  record_.attempt = 1;
  const bool last = record_.round == spec_.rounds.rounds;
  const bool evaluate =
      last || (spec_.evaluation.every > 0 && record_.round % spec_.evaluation.every == 0);
  record_.state = evaluate ? JobState::kEvaluating : JobState::kTraining;
  out.push_back(SaveRound{record_.id, row});
  out.push_back(SaveJob{record_});
  out.push_back(ForgetAccepted{record_.id});
  for (const auto& [site, one] : phase_->participants())
    out.push_back(SendCommitted{site, record_.id, event.round});
  report_committed(event, row, out);
  carried_.clear();
  phase_.reset();
}

void JobMachine::on_round_not_finished(TimePoint now, const RoundNotFinished& event,
                                       RoundEffects& out) {
  if (!finishing_since_ || event.round != record_.round + 1) return;
  // Every update is accepted and kept, so nothing is lost by trying again: a full disk may be
  // cleared meanwhile.
  const TimePoint give_up = *finishing_since_ + Milliseconds(spec_.rounds.wait_for_sites_ms);
  if (now >= give_up) {
    return finish(now, JobState::kFailed,
                  "round " + std::to_string(event.round) + " could not be stored: " + event.detail,
                  out);
  }
  finish_again_at_ = std::min(now + Milliseconds(limits::kFinishRetryMs), give_up);
  out.push_back(Report{"round.stalled",
                       {{"job", record_.id.value},
                        {"round", std::int64_t{event.round}},
                        {"detail", event.detail},
                        {"retry_after_ms", limits::kFinishRetryMs}}});
}

void JobMachine::close_evaluate(TimePoint now, RoundEffects& out) {
  EvaluationCounts sum;
  std::uint32_t sites = 0;
  for (const SiteName& site : phase_->with(Reason::kAccepted)) {
    const auto& counts =
        std::get<EvaluateResult>(phase_->participants().at(site).result->outcome).counts;
    if (add_counts(sum, counts))
      ++sites;  // another shape than the others': left out, and its row says so
  }
  const EvaluationFigures figures = figures_of(sum);
  if (figures.examples > 0) {
    record_.last = figures;
    note_best(figures);
  }
  RoundRow row = round_row(now, "evaluated");
  row.examples = figures.examples;
  if (figures.examples > 0) {
    row.loss = figures.loss;
    row.accuracy = figures.accuracy;
    row.auc = figures.auc;
    row.f1 = figures.f1;
  }
  row.model = record_.model.digest;
  out.push_back(SaveRound{record_.id, std::move(row)});
  report_evaluation(sum, sites, out);
  phase_.reset();
  next_round(now, out);
}

void JobMachine::next_round(TimePoint now, RoundEffects& out) {
  if (record_.round >= spec_.rounds.rounds) return finish(now, JobState::kFinished, "", out);
  record_.state = JobState::kTraining;
  record_.attempt = 1;
  out.push_back(SaveJob{record_});
}

}  // namespace tributary
