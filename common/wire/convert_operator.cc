// SPDX-License-Identifier: Apache-2.0
// Replies to operators are made by a coordinator that the operator has authenticated: texts are
// limited, not judged.
#include "common/base/limits.h"
#include "common/wire/convert.h"

namespace tributary {
namespace {

constexpr std::size_t kTextMax = limits::kLogValueBytesMax;
constexpr std::size_t kFiguresMax = 64;  // an evaluation has a dozen

template <typename From>
void figures_to_wire(const From& from, auto& to) {
  if (from.loss) to.set_loss(*from.loss);
  if (from.accuracy) to.set_accuracy(*from.accuracy);
  if (from.auc) to.set_auc(*from.auc);
  if (from.f1) to.set_f1(*from.f1);
}

template <typename To>
void figures_from_wire(const auto& from, To& to) {
  if (from.has_loss()) to.loss = from.loss();
  if (from.has_accuracy()) to.accuracy = from.accuracy();
  if (from.has_auc()) to.auc = from.auc();
  if (from.has_f1()) to.f1 = from.f1();
}

void to_wire(const std::map<std::string, double>& from,
             google::protobuf::RepeatedPtrField<wire::Figure>& to) {
  for (const auto& [name, value] : from) {
    wire::Figure& figure = *to.Add();
    figure.set_name(name);
    figure.set_value(value);
  }
}

std::map<std::string, double> from_wire(
    FieldReader& in, const google::protobuf::RepeatedPtrField<wire::Figure>& from) {
  std::map<std::string, double> to;
  in.count("figures", from.size(), kFiguresMax);
  for (const wire::Figure& one : from)
    to[in.text("figure.name", one.name(), kTextMax)] = one.value();
  return to;
}

void to_wire(const SiteSpread& from, wire::SiteSpread& to) {
  to.set_worst_site(from.worst_site);
  to.set_worst(from.worst);
  to.set_mean(from.mean);
  to.set_deviation(from.deviation);
}

SiteSpread from_wire(FieldReader& in, const wire::SiteSpread& from) {
  return {in.name("spread.worst_site", from.worst_site()), from.worst(), from.mean(),
          from.deviation()};
}

void to_wire(const FigureTable& from, wire::RoundRow& to) {
  for (const FigureRow& one : from.figures) {
    wire::Figure& figure = *to.add_figures();
    figure.set_name(one.name);
    figure.set_value(one.value);
    if (one.interval) {
      figure.set_low(one.interval->low);
      figure.set_high(one.interval->high);
    }
    if (one.spread) to_wire(*one.spread, *figure.mutable_spread());
  }
  to.set_labels(from.labels);
  for (const ClassCounts& one : from.classes) {
    wire::ClassCounts& counts = *to.add_classes();
    counts.set_true_positives(one.true_positives);
    counts.set_false_positives(one.false_positives);
    counts.set_false_negatives(one.false_negatives);
  }
  to.mutable_confusion()->Assign(from.confusion.begin(), from.confusion.end());
}

FigureTable table_from_wire(FieldReader& in, const wire::RoundRow& from) {
  FigureTable to;
  in.count("round.figures", from.figures_size(), kFiguresMax);
  in.count("round.classes", from.classes_size(), limits::kConfusionClassesMax);
  in.count("round.confusion", from.confusion_size(),
           limits::kConfusionClassesMax * limits::kConfusionClassesMax);
  for (const wire::Figure& one : from.figures()) {
    FigureRow& figure = to.figures.emplace_back();
    figure.name = in.text("figure.name", one.name(), kTextMax);
    figure.value = one.value();
    if (one.has_low() && one.has_high()) figure.interval = Interval{one.low(), one.high()};
    if (one.has_spread()) figure.spread = from_wire(in, one.spread());
  }
  to.labels = from.labels();
  for (const wire::ClassCounts& one : from.classes())
    to.classes.push_back({one.true_positives(), one.false_positives(), one.false_negatives()});
  to.confusion.assign(from.confusion().begin(), from.confusion().end());
  return to;
}

void to_wire(const ParticipantRow& from, wire::ParticipantRow& to) {
  to.set_site(from.site.value);
  to.set_kind(from.kind);
  to.set_reason(from.reason);
  to.set_detail(from.detail);
  to.set_bytes(from.bytes);
  to.set_examples(from.examples);
  to.set_seconds(from.seconds);
  to.set_loss(from.loss);
  to.set_norm(from.norm);
  if (from.accuracy) to.set_accuracy(*from.accuracy);
  if (from.auc) to.set_auc(*from.auc);
  if (from.f1) to.set_f1(*from.f1);
  to_wire(from.figures, *to.mutable_figures());
}

ParticipantRow from_wire(FieldReader& in, const wire::ParticipantRow& from) {
  ParticipantRow to;
  to.site.value = in.name("participant.site", from.site());
  to.kind = in.text("participant.kind", from.kind(), kTextMax);
  to.reason = in.text("participant.reason", from.reason(), kTextMax);
  to.detail = in.text("participant.detail", from.detail(), kTextMax);
  to.bytes = from.bytes();
  to.examples = from.examples();
  to.seconds = from.seconds();
  to.loss = from.loss();
  to.norm = from.norm();
  if (from.has_accuracy()) to.accuracy = from.accuracy();
  if (from.has_auc()) to.auc = from.auc();
  if (from.has_f1()) to.f1 = from.f1();
  to.figures = from_wire(in, from.figures());
  return to;
}

void to_wire(const RoundRow& from, wire::RoundRow& to) {
  to.set_round(from.round);
  to.set_attempt(from.attempt);
  to.set_task(from.task);
  to.set_outcome(from.outcome);
  to.set_seconds(from.seconds);
  to.set_examples(from.examples);
  to.set_update_norm(from.update_norm);
  to.set_model(bytes_of(from.model));
  figures_to_wire(from, to);
  if (from.spread) to_wire(*from.spread, *to.mutable_spread());
  to_wire(from.figures, to);
  for (const ParticipantRow& one : from.participants) to_wire(one, *to.add_participants());
  if (from.epsilon) to.set_epsilon(*from.epsilon);
  if (from.clip) to.set_clip(*from.clip);
}

RoundRow from_wire(FieldReader& in, const wire::RoundRow& from) {
  RoundRow to;
  to.round = from.round();
  to.attempt = from.attempt();
  to.task = in.text("round.task", from.task(), kTextMax);
  to.outcome = in.text("round.outcome", from.outcome(), kTextMax);
  to.seconds = from.seconds();
  to.examples = from.examples();
  to.update_norm = from.update_norm();
  to.model = in.digest("round.model", from.model());
  figures_from_wire(from, to);
  if (from.has_spread()) to.spread = from_wire(in, from.spread());
  to.figures = table_from_wire(in, from);
  for (const wire::ParticipantRow& one : from.participants())
    to.participants.push_back(from_wire(in, one));
  if (from.has_epsilon()) to.epsilon = from.epsilon();
  if (from.has_clip()) to.clip = from.clip();
  return to;
}

void to_wire(const SiteSpending& from, wire::SiteSpending& to) {
  to.set_dataset(from.dataset);
  to.set_job(from.job.value);
  to.set_rounds(from.rounds);
  to.set_noise_multiplier(from.noise_multiplier);
  to.set_delta(from.delta);
  to.set_epsilon(from.epsilon);
  to.set_max_epsilon(from.max_epsilon);
  to.set_rounds_per_pass(from.rounds_per_pass);
}

SiteSpending from_wire(FieldReader& in, const wire::SiteSpending& from) {
  return {in.name("spending.dataset", from.dataset()),
          JobId{in.name("spending.job", from.job())},
          from.rounds(),
          from.noise_multiplier(),
          from.delta(),
          from.epsilon(),
          from.max_epsilon(),
          from.rounds_per_pass()};
}

void to_wire(const JobChanges& from, wire::JobChanges& to) {
  if (from.paused) to.set_paused(*from.paused);
  if (from.priority) to.set_priority(*from.priority);
  if (from.deadline_ms) to.set_deadline_ms(*from.deadline_ms);
  if (from.quorum) to.set_quorum(*from.quorum);
  if (from.rounds) to.set_rounds(*from.rounds);
}

JobChanges from_wire(FieldReader& in, const wire::JobChanges& from) {
  JobChanges to;
  const auto within = [&in](const char* field, auto value, auto least, auto most) {
    if (value < least || value > most) {
      in.fault(field, "must be " + std::to_string(least) + " to " + std::to_string(most));
    }
    return value;
  };
  if (from.has_paused()) to.paused = from.paused();
  if (from.has_priority())
    to.priority = within("priority", from.priority(), -limits::kPriorityMax, limits::kPriorityMax);
  if (from.has_deadline_ms()) {
    to.deadline_ms = within("deadline", from.deadline_ms(), limits::kWaitMinMs, limits::kWaitMaxMs);
  }
  if (from.has_quorum())
    to.quorum = within("quorum", from.quorum(), 0u, static_cast<std::uint32_t>(limits::kSitesMax));
  if (from.has_rounds()) to.rounds = within("rounds", from.rounds(), 1u, limits::kRoundsMax);
  return to;
}

}  // namespace

void to_wire(const SubmitJob& from, wire::SubmitJob& to) {
  to.set_document(from.document);
  to.set_token(from.token);
  to_wire(from.model_file, *to.mutable_model_file());
  to.set_dry_run(from.dry_run);
  to.set_clone_of(from.clone_of.value);
  to_wire(from.signature, *to.mutable_signature());
}

SubmitJob from_wire(FieldReader& in, const wire::SubmitJob& from) {
  return {in.blob("document", from.document(), limits::kJobDocumentBytesMax),
          in.text("token", from.token(), limits::kLogValueBytesMax),
          from_wire(in, from.model_file()),
          from.dry_run(),
          JobId{from.clone_of().empty() ? "" : in.name("clone_of", from.clone_of())},
          from_wire(in, from.signature())};
}

void to_wire(const JobSummary& from, wire::JobSummary& to) {
  to.set_job(from.job.value);
  to.set_name(from.name);
  to.set_state(from.state);
  to.set_detail(from.detail);
  to.set_round(from.round);
  to.set_rounds(from.rounds);
  to.set_submitted_wall_ms(from.submitted_wall_ms);
  figures_to_wire(from, to);
  to.set_best_round(from.best_round);
  to.set_dry_run(from.dry_run);
  to_wire(from.changes, *to.mutable_changes());
  if (from.epsilon) to.set_epsilon(*from.epsilon);
}

JobSummary from_wire(FieldReader& in, const wire::JobSummary& from) {
  JobSummary to;
  to.job.value = in.name("job.job", from.job());
  to.name = in.name("job.name", from.name());
  to.state = in.text("job.state", from.state(), kTextMax);
  to.detail = in.text("job.detail", from.detail(), limits::kControlBytesMax);
  to.round = from.round();
  to.rounds = from.rounds();
  to.submitted_wall_ms = from.submitted_wall_ms();
  figures_from_wire(from, to);
  to.best_round = from.best_round();
  to.dry_run = from.dry_run();
  to.changes = from_wire(in, from.changes());
  if (from.has_epsilon()) to.epsilon = from.epsilon();
  return to;
}

void to_wire(const RecordPosition& from, wire::RecordPosition& to) {
  to.set_record(from.record);
  to.set_participant(from.participant);
}

RecordPosition from_wire(const wire::RecordPosition& from) {
  return {from.record(), from.participant()};
}

void to_wire(const JobDetail& from, wire::JobDetail& to) {
  to_wire(from.summary, *to.mutable_summary());
  to.set_document(from.document);
  for (const RoundRow& round : from.rounds) to_wire(round, *to.add_rounds());
  to_wire(from.next, *to.mutable_next());
  to_wire(from.module, *to.mutable_module());
  to_wire(from.signature, *to.mutable_signature());
  for (const SiteSpending& spending : from.ledger) to_wire(spending, *to.add_ledger());
  if (from.dataset_epsilon) to.set_dataset_epsilon(*from.dataset_epsilon);
}

JobDetail from_wire(FieldReader& in, const wire::JobDetail& from) {
  JobDetail to;
  to.summary = from_wire(in, from.summary());
  to.document = in.blob("document", from.document(), limits::kJobDocumentBytesMax);
  for (const wire::RoundRow& round : from.rounds()) to.rounds.push_back(from_wire(in, round));
  to.next = from_wire(from.next());
  to.module = from_wire(in, from.module());
  to.signature = from_wire(in, from.signature());
  in.count("ledger", from.ledger_size(), kSpendingsShown);
  for (const wire::SiteSpending& spending : from.ledger())
    to.ledger.push_back(from_wire(in, spending));
  if (from.has_dataset_epsilon()) to.dataset_epsilon = from.dataset_epsilon();
  return to;
}

void to_wire(const ChangeJob& from, wire::ChangeJob& to) {
  to.set_job(from.job.value);
  to_wire(from.changes, *to.mutable_changes());
}

ChangeJob from_wire(FieldReader& in, const wire::ChangeJob& from) {
  return {JobId{in.name("job", from.job())}, from_wire(in, from.changes())};
}

void to_wire(const ControlSite& from, wire::ControlSite& to) {
  to.set_site(from.site.value);
  to.set_action(static_cast<wire::SiteAction>(static_cast<int>(from.action) + 1));
  to.set_why(from.why);
}

ControlSite from_wire(FieldReader& in, const wire::ControlSite& from) {
  ControlSite to;
  to.site.value = in.name("site", from.site());
  if (from.action() < wire::SITE_ACTION_ENABLE || from.action() > wire::SITE_ACTION_REVOKE) {
    in.fault("action", "unknown value " + std::to_string(from.action()));
  } else {
    to.action = static_cast<SiteAction>(static_cast<int>(from.action()) - 1);
  }
  to.why = in.text("why", from.why(), kTextMax);
  return to;
}

void to_wire(const StatusReply& from, wire::StatusReply& to) {
  to.set_software(from.software);
  to.set_uptime_ms(from.uptime_ms);
  for (const SiteRow& site : from.sites) {
    wire::SiteRow& row = *to.add_sites();
    row.set_site(site.site.value);
    row.set_online(site.online);
    row.set_doing(site.doing);
    row.set_last_seen_wall_ms(site.last_seen_wall_ms);
    row.set_address(site.address);
    row.set_software(site.software);
    for (const std::string& dataset : site.datasets) row.add_datasets(dataset);
    row.set_kept_out(site.kept_out);
    row.set_why(site.why);
  }
  for (const JobSummary& job : from.jobs) to_wire(job, *to.add_jobs());
  to.set_next(from.next);
}

StatusReply from_wire(FieldReader& in, const wire::StatusReply& from) {
  StatusReply to;
  to.software = in.text("software", from.software(), kTextMax);
  to.uptime_ms = from.uptime_ms();
  in.count("sites", from.sites_size(), limits::kSitesMax);
  for (const wire::SiteRow& site : from.sites()) {
    SiteRow row;
    row.site.value = in.name("site.site", site.site());
    row.online = site.online();
    row.doing = in.text("site.doing", site.doing(), kTextMax);
    row.last_seen_wall_ms = site.last_seen_wall_ms();
    row.address = in.text("site.address", site.address(), kTextMax);
    row.software = in.text("site.software", site.software(), kTextMax);
    for (const std::string& dataset : site.datasets())
      row.datasets.push_back(in.name("site.datasets", dataset));
    row.kept_out = in.text("site.kept_out", site.kept_out(), kTextMax);
    row.why = in.text("site.why", site.why(), kTextMax);
    to.sites.push_back(std::move(row));
  }
  in.count("jobs", from.jobs_size(), limits::kJobsMax);
  for (const wire::JobSummary& job : from.jobs()) to.jobs.push_back(from_wire(in, job));
  to.next = from.next();
  return to;
}

}  // namespace tributary
