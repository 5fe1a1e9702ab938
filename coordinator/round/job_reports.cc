// SPDX-License-Identifier: Apache-2.0
// JobMachine: rows for the record of rounds, and reports for people.
#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "common/base/words.h"
#include "coordinator/round/job_machine.h"
#include "coordinator/round/pass.h"
#include "coordinator/round/privacy_budget.h"

namespace tributary {
namespace {

void add_figures(Report& report, const EvaluationFigures& figures) {
  report.fields.emplace_back("examples", static_cast<std::int64_t>(figures.examples));
  for (const FigureRule& rule : figure_rules()) {
    const std::string name(rule.name);
    const std::optional<double> value = figure_named(figures, name);
    if (rule.in_log && value) report.fields.emplace_back(name, *value);
  }
}

}  // namespace

std::string_view job_state_name(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kPreparing:
      return "preparing";
    case JobState::kInitializing:
      return "initializing";
    case JobState::kTraining:
      return "training";
    case JobState::kEvaluating:
      return "evaluating";
    case JobState::kFinished:
      return "finished";
    case JobState::kFailed:
      return "failed";
    case JobState::kAborted:
      return "aborted";
  }
  return "unknown";
}

std::optional<JobState> job_state_from_name(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(JobState::kAborted); ++i) {
    if (job_state_name(static_cast<JobState>(i)) == name) return static_cast<JobState>(i);
  }
  return std::nullopt;
}

std::string JobMachine::activity_of(const SiteName& site) const {
  const Participant* one = working(site);
  if (one == nullptr) return "";
  const std::string what = one->checking ? " checking update" : one->result ? " uploading" : "";
  return record_.id.value + " " + std::string(task_kind_name(one->key.kind)) + " round " +
         std::to_string(one->key.round) + what;
}

RoundRow JobMachine::round_row(TimePoint now, std::string outcome) const {
  const TaskKey& key = phase_->key();
  RoundRow row;
  row.round = key.round;
  row.attempt = key.attempt;
  row.task = task_kind_name(key.kind);
  row.outcome = std::move(outcome);
  row.seconds = static_cast<double>((now - phase_opened_).count()) / 1000.0;
  for (const auto& [site, one] : phase_->participants()) row.participants.push_back(one.row);
  return row;
}

std::optional<RoundRow> JobMachine::under_way(TimePoint now) const {
  if (!phase_) return std::nullopt;
  RoundRow row = round_row(now, std::string(kUnderWay));
  for (ParticipantRow& one : row.participants) {
    const Participant* participant = phase_->pending(one.site);
    if (participant == nullptr) continue;
    one.seconds = static_cast<double>((now - participant->asked).count()) / 1000.0;
    one.detail = participant->lost_link  ? "off the link"
                 : participant->checking ? "its update is checked"
                 : participant->result   ? "uploads its update"
                                         : "at work";
    if (participant->late) one.detail += ", late";
  }
  return row;
}

void JobMachine::report_phase_opened(std::size_t sites, Milliseconds deadline,
                                     RoundEffects& out) const {
  const TaskKey& key = phase_->key();
  Report report{"round.started",
                {{"job", record_.id.value},
                 {"round", std::int64_t{key.round}},
                 {"rounds", std::int64_t{spec_.rounds.rounds}},
                 {"task", std::string(task_kind_name(key.kind))},
                 {"attempt", std::int64_t{key.attempt}},
                 {"sites", static_cast<std::int64_t>(sites)},
                 {"quorum", std::int64_t{phase_->rules().quorum}},
                 {"target", std::int64_t{phase_->rules().target}},
                 {"deadline_ms", std::int64_t{deadline.count()}}}};
  // After a restart of ours the round goes on; these sites have done their part.
  if (reopens(key.kind))
    report.fields.emplace_back("accepted_before", static_cast<std::int64_t>(carried_.size()));
  out.push_back(std::move(report));
}

void JobMachine::report_selected(const std::vector<SiteName>& sites, RoundEffects& out) const {
  const TaskKey& key = phase_->key();
  for (const SiteName& site : sites) {
    out.push_back(Report{"client.selected",
                         {{"job", record_.id.value},
                          {"round", std::int64_t{key.round}},
                          {"task", std::string(task_kind_name(key.kind))},
                          {"site", site.value}}});
  }
}

void JobMachine::report_outcome(const SiteName& site, const Participant& one,
                                RoundEffects& out) const {
  const TaskKey& key = phase_->key();
  Report report{"client.outcome",
                {{"job", record_.id.value},
                 {"round", std::int64_t{key.round}},
                 {"attempt", std::int64_t{key.attempt}},
                 {"task", std::string(task_kind_name(key.kind))},
                 {"site", site.value},
                 {"reason", one.row.reason},
                 {"seconds", one.row.seconds}}};
  if (!one.row.detail.empty()) report.fields.emplace_back("detail", one.row.detail);
  if (one.row.bytes > 0)
    report.fields.emplace_back("bytes", static_cast<std::int64_t>(one.row.bytes));
  if (one.row.examples > 0) {
    report.fields.emplace_back("examples", static_cast<std::int64_t>(one.row.examples));
    if (!spec_.privacy.records) report.fields.emplace_back("loss", one.row.loss);
  }
  // Of a site whose update nobody sees, it is known that it is done, and no figure.
  if (key.kind == TaskKind::kTrain && one.reason == Reason::kAccepted &&
      !summed_secretly(spec_, key.kind))
    report.fields.emplace_back("norm", one.row.norm);
  const auto* trained = one.result ? std::get_if<TrainResult>(&one.result->outcome) : nullptr;
  if (trained != nullptr && trained->epsilon > 0)
    report.fields.emplace_back("epsilon", trained->epsilon);
  out.push_back(std::move(report));
}

// Of the sites that the job names, or that it had, or that have come before with its dataset, those
// that are away and not kept out.
std::string JobMachine::missing_sites(const Roster& roster) const {
  std::vector<SiteName> missing;
  for (const std::string& name : spec_.rounds.sites) missing.push_back(SiteName{name});
  if (missing.empty()) {
    for (const auto& [site, rows] : record_.rows) missing.push_back(site);
  }
  if (missing.empty()) missing.assign(known_.begin(), known_.end());
  if (const std::optional<SiteName> root = spec_.aggregation.root()) {
    std::erase(missing, *root);
    missing.push_back(*root);
  }
  std::erase_if(missing, [&](const SiteName& site) {
    return roster.contains(site) || barred_.contains(site);
  });
  return joined(missing);
}

void JobMachine::report_waiting(TimePoint now, TaskKind kind, std::size_t have,
                                const Roster& roster, RoundEffects& out) {
  const std::size_t need = sites_needed(kind);
  const std::string missing = missing_sites(roster);
  const auto on_link =
      std::ranges::count_if(roster, [](const auto& entry) { return !entry.second.evaluator; });
  const std::string root = root_lacks(kind, roster);
  std::vector<std::string> faults;
  for (const auto& [site, fault] : unfit_) faults.push_back(site.value + ": " + fault);
  for (const auto& [site, at] : later_) faults.push_back(site.value + ": policy_pending");
  for (const auto& [site, why] : barred_) {
    if (known_.contains(site)) faults.push_back(site.value + ": " + why);
  }
  if (!root.empty() && roster.contains(*root_for(kind))) faults.push_back(root);
  const std::string spent = kind == TaskKind::kTrain ? why_not_in_pass(record_, spec_) : "";
  if (!spent.empty()) faults.push_back(spent);
  const std::string unfit = joined(faults, "; ");
  // What there is too little of; of numbers the largest that the job asks for.
  const bool pass = kind == TaskKind::kPrepare && need > spec_.rounds.minimum_sites;
  const std::string by = have >= need ? "root"
                         : pass       ? "rounds_per_pass"
                         : need > spec_.rounds.quorum && need > spec_.rounds.minimum_sites
                             ? "target"
                         : need > spec_.rounds.minimum_sites ? "quorum"
                                                             : "minimum_sites";
  std::string text = "waits for " + std::to_string(need) + " sites (" + by + ") with dataset '" +
                     spec_.data.dataset + "', " + std::to_string(have) + " of " +
                     std::to_string(on_link) + " on the link can take part";
  if (!spec_.rounds.sites.empty()) text += ", of those that the job names";
  if (!missing.empty()) text += "; away: " + missing;
  if (!unfit.empty()) text += "; unfit: " + unfit;
  if (have >= need) text = "waits: " + root;
  const bool alarm = now >= alarm_at_;
  if (alarm) alarm_at_ = now + Milliseconds(spec_.rounds.alarm_after_ms);
  if (text == waiting_for_ && !alarm) return;
  waiting_for_ = std::move(text);
  const std::int64_t waited_ms = (now - *waiting_since_).count();
  const std::int64_t left_ms =
      std::max<std::int64_t>(spec_.rounds.wait_for_sites_ms - waited_ms, 0);
  out.push_back(Report{
      alarm ? "job.waits_long" : "job.waiting",
      {{"job", record_.id.value},
       {"task", std::string(task_kind_name(kind))},
       {"dataset", spec_.data.dataset},
       {"have", static_cast<std::int64_t>(have)},
       {"need", static_cast<std::int64_t>(need)},
       {"by", by},
       {"missing",
        missing.empty() && unfit.empty() && have < need ? "any site with the dataset" : missing},
       {"unfit", unfit},
       {"waited_ms", waited_ms},
       {"gives_up_after_ms", left_ms}}});
}

void JobMachine::report_stalled(RoundNumber round, const std::string& detail,
                                RoundEffects& out) const {
  out.push_back(Report{"round.stalled",
                       {{"job", record_.id.value},
                        {"round", std::int64_t{round}},
                        {"detail", detail},
                        {"retry_after_ms", limits::kFinishRetryMs}}});
}

void JobMachine::report_committed(const RoundFinished& event, const RoundRow& row,
                                  RoundEffects& out) const {
  const auto accepted = std::ranges::count(
      row.participants, std::string(reason_name(Reason::kAccepted)), &ParticipantRow::reason);
  Report report{"round.committed",
                {{"job", record_.id.value},
                 {"round", std::int64_t{event.round}},
                 {"rounds", std::int64_t{spec_.rounds.rounds}},
                 {"accepted", std::int64_t{accepted}},
                 {"selected", static_cast<std::int64_t>(row.participants.size())}}};
  // What has no noise is not summed where noise hides each site.
  if (clip_for_sites(record_, spec_) == 0.0)
    report.fields.emplace_back("examples", static_cast<std::int64_t>(event.examples));
  report.fields.emplace_back("norm", event.update_norm);
  report.fields.emplace_back("seconds", row.seconds);
  report.fields.emplace_back("model", event.model.digest.short_hex());
  report.fields.emplace_back("model_bytes", static_cast<std::int64_t>(event.model.bytes));
  if (!event.delta.digest.is_none())
    report.fields.emplace_back("delta_bytes", static_cast<std::int64_t>(event.delta.bytes));
  if (row.epsilon) {  // without its delta an epsilon says nothing
    report.fields.emplace_back("epsilon", *row.epsilon);
    report.fields.emplace_back("delta", spec_.privacy.sites->delta);
    report.fields.emplace_back("clip", *row.clip);
  }
  out.push_back(std::move(report));
}

void JobMachine::report_site_evaluated(const SiteName& site, const EvaluationFigures& figures,
                                       RoundEffects& out) const {
  Report report{
      "site.evaluated",
      {{"job", record_.id.value}, {"round", std::int64_t{record_.round}}, {"site", site.value}}};
  add_figures(report, figures);
  out.push_back(std::move(report));
}

void JobMachine::report_evaluation(const RoundRow& row, const EvaluationFigures& figures,
                                   std::size_t sites, RoundEffects& out) const {
  Report report{"evaluation.finished",
                {{"job", record_.id.value},
                 {"round", std::int64_t{record_.round}},
                 {"rounds", std::int64_t{spec_.rounds.rounds}},
                 {"sites", static_cast<std::int64_t>(sites)}}};
  add_figures(report, figures);
  if (row.spread) {
    report.fields.emplace_back("figure", spec_.evaluation.best_by);
    report.fields.emplace_back("worst_site", row.spread->worst_site);
    report.fields.emplace_back("worst", row.spread->worst);
    report.fields.emplace_back("site_mean", row.spread->mean);
    report.fields.emplace_back("deviation", row.spread->deviation);
  }
  out.push_back(std::move(report));
}

void JobMachine::report_evaluation_skipped(RoundEffects& out) const {
  const bool nobody = phase_->participants().empty();
  const std::string judges = spec_.evaluation.by_evaluators ? "evaluator" : "site";
  out.push_back(Report{"evaluation.skipped",
                       {{"job", record_.id.value},
                        {"round", std::int64_t{record_.round}},
                        {"rounds", std::int64_t{spec_.rounds.rounds}},
                        {"detail", nobody ? "no " + judges + " is there that could"
                                          : "none of the " + judges + "s asked came to figures"}}});
}

void JobMachine::report_changes(const JobChangeRequested& event, RoundEffects& out) const {
  Report report{"job.changed", {{"job", record_.id.value}, {"operator", event.who}}};
  const JobChanges& changes = event.changes;
  if (changes.paused) report.fields.emplace_back("paused", *changes.paused);
  if (changes.priority) report.fields.emplace_back("priority", *changes.priority);
  if (changes.deadline_ms) report.fields.emplace_back("deadline_ms", *changes.deadline_ms);
  if (changes.quorum) report.fields.emplace_back("quorum", std::int64_t{*changes.quorum});
  if (changes.rounds) report.fields.emplace_back("rounds", std::int64_t{*changes.rounds});
  out.push_back(std::move(report));
}

void JobMachine::report_end(RoundEffects& out) const {
  const char* event = record_.state == JobState::kFinished  ? "job.finished"
                      : record_.state == JobState::kAborted ? "job.aborted"
                                                            : "job.failed";
  Report report{event, {{"job", record_.id.value}, {"rounds", std::int64_t{record_.round}}}};
  if (!record_.detail.empty()) report.fields.emplace_back("detail", record_.detail);
  if (record_.best) {
    report.fields.emplace_back("best_round", std::int64_t{record_.best_round});
    add_figures(report, *record_.best);
  }
  out.push_back(std::move(report));
}

}  // namespace tributary
