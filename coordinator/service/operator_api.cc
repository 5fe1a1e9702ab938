// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_api.h"

#include <algorithm>
#include <charconv>

#include "common/crypto/signing.h"
#include "coordinator/service/job_worker.h"
#include "coordinator/service/page.h"
#include "coordinator/service/site_privacy.h"

namespace tributary {
namespace {

// The round an operator means by "best", "last" or a number.
Result<RoundNumber> round_of(const std::string& which, const JobRecord& record) {
  if (record.model.digest.is_none()) {
    return make_error(ErrorCode::kFailedPrecondition,
                      "job " + record.id.value + " has no model yet (it is " +
                          std::string(job_state_name(record.state)) + ")");
  }
  if (which == "last") return record.round;
  if (which == "best") {
    if (record.best) return record.best_round;
    return make_error(ErrorCode::kFailedPrecondition,
                      "no round of job " + record.id.value +
                          " was evaluated so that it could be compared; ask for --round last, or a "
                          "number up to " +
                          std::to_string(record.round));
  }
  RoundNumber round = 0;
  const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), round);
  if (error != std::errc{} || end != which.data() + which.size()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'" + which + "' is no round: use best, last or a number");
  }
  if (round > record.round) {
    return make_error(ErrorCode::kNotFound, "job " + record.id.value + " has rounds 0 to " +
                                                std::to_string(record.round) + ", not " + which);
  }
  return round;
}

// What a row takes on the wire, at most; a figure its name, value, limits and worst site.
constexpr std::size_t kFigureBytes = 40;
constexpr std::size_t kCountBytes = 10;
std::size_t bytes_of(const ParticipantRow& row) {
  return 96 + row.site.value.size() + row.kind.size() + row.reason.size() + row.detail.size() +
         kFigureBytes * row.figures.size();
}
std::size_t bytes_of_head(const RoundRow& row) {
  return 192 + row.task.size() + row.outcome.size() +
         4 * kFigureBytes * row.figures.figures.size() + kFigureBytes * row.figures.classes.size() +
         kCountBytes * row.figures.confusion.size();
}

// As many records from `from` on as fit, into `page`, and where to go on. Each page gets further.
void fill_page(const std::vector<RoundRow>& records, RecordPosition from, JobDetail& page) {
  std::size_t bytes = 0;
  for (; from.record < records.size(); from = {from.record + 1, 0}) {
    page.next = from;
    if (bytes >= kPageBytes) return;
    const RoundRow& whole = records[from.record];
    bytes += bytes_of_head(whole);
    RoundRow& row = page.rounds.emplace_back(whole);
    row.participants.clear();
    for (; from.participant < whole.participants.size(); ++from.participant) {
      page.next = from;
      if (bytes >= kPageBytes && from.participant > 0) return;
      bytes += bytes_of(whole.participants[from.participant]);
      row.participants.push_back(whole.participants[from.participant]);
    }
  }
  page.next = {};
}

Error no_such_job(const JobId& job) {
  return make_error(ErrorCode::kNotFound,
                    "no job '" + job.value + "'; `tributaryctl job list` shows those there are");
}

}  // namespace

Message OperatorApi::answer(const std::string& who, const Message& request) {
  Result<Message> reply = dispatch(who, request);
  if (reply) return *std::move(reply);
  return RequestFailed{reply.error().code, reply.error().message};
}

bool OperatorApi::is_of(const JobId& job, const std::string& who) const {
  const JobMachine* found = ports_.driver.engine().find(job);
  if (found == nullptr) return false;
  const Result<PeerIdentity> signer = signer_of(found->record().signature.certificates);
  return signer && signer->name == who;
}

Result<Message> OperatorApi::dispatch(const std::string& who, const Message& request) {
  if (const auto* submit = std::get_if<SubmitJob>(&request)) {
    SubmitJob whole = *submit;
    if (!submit->clone_of.value.empty()) {
      const JobMachine* original = ports_.driver.engine().find(submit->clone_of);
      if (original == nullptr) return no_such_job(submit->clone_of);
      whole.document = original->record().document;
      whole.model_file = original->record().model_file;
    }
    TRIB_TRY(submitted, ports_.driver.submit(whole, who));
    return Message{submitted};
  }
  if (const auto* listed = std::get_if<ListJobs>(&request)) {
    return Message{list(*listed)};
  }
  if (const auto* show_job = std::get_if<ShowJob>(&request)) {
    TRIB_TRY(detail, show(*show_job));
    return Message{std::move(detail)};
  }
  if (const auto* abort = std::get_if<AbortJob>(&request)) {
    TRIB_TRY(job, unfinished(abort->job));
    static_cast<void>(job);
    ports_.driver.handle(JobAbortRequested{abort->job, abort->why + " (operator " + who + ")"});
    if (ports_.driver.stalled()) {
      return make_error(ErrorCode::kUnavailable,
                        "the coordinator cannot write its state now (disk full?); the job ends as "
                        "soon as it can, unless the coordinator is stopped before");
    }
    return Message{JobAborted{abort->job}};
  }
  if (const auto* change_job = std::get_if<ChangeJob>(&request)) {
    TRIB_CHECK_OK(change(who, *change_job));
    return Message{JobChanged{change_job->job}};
  }
  if (const auto* control_site = std::get_if<ControlSite>(&request)) {
    TRIB_TRY(controlled, ports_.registry.control(*control_site, who));
    return Message{controlled};
  }
  if (const auto* invite = std::get_if<InviteSite>(&request)) {
    TRIB_TRY(invited, ports_.enrolments.invite(*invite, who));
    return Message{invited};
  }
  if (const auto* listed = std::get_if<ListEnrolments>(&request))
    return Message{ports_.enrolments.list(*listed)};
  if (const auto* decide = std::get_if<DecideEnrolment>(&request)) {
    TRIB_TRY(decided, ports_.enrolments.decide(*decide, who));
    return Message{decided};
  }
  if (const auto* asked = std::get_if<GetStatus>(&request)) return Message{status(*asked)};
  if (const auto* get_model = std::get_if<GetModel>(&request)) {
    TRIB_TRY(info, model(*get_model));
    return Message{info};
  }
  return make_error(ErrorCode::kProtocol, "not an operator's request");
}

Result<const JobMachine*> OperatorApi::unfinished(const JobId& id) const {
  const JobMachine* job = ports_.driver.engine().find(id);
  if (job == nullptr) return no_such_job(id);
  if (!job->over()) return job;
  return make_error(
      ErrorCode::kFailedPrecondition,
      "job " + id.value + " is over already: " + std::string(job_state_name(job->record().state)));
}

Status OperatorApi::change(const std::string& who, const ChangeJob& request) {
  TRIB_TRY(job, unfinished(request.job));
  const JobChanges& changes = request.changes;
  const RoundPolicy& policy = job->spec().rounds;
  const auto refuse = [](const std::string& why) {
    return make_error(ErrorCode::kInvalidArgument, why);
  };
  if (changes == JobChanges{}) return refuse("nothing to change was named");
  if (changes.quorum && policy.target > 0 && *changes.quorum > policy.target) {
    return refuse("quorum " + std::to_string(*changes.quorum) + " is above the job's target of " +
                  std::to_string(policy.target));
  }
  if (changes.rounds && *changes.rounds <= job->record().round) {
    return refuse("round " + std::to_string(job->record().round) +
                  " is committed already: the number of rounds must be above it");
  }
  ports_.driver.handle(JobChangeRequested{request.job, changes, who});
  if (!ports_.driver.stalled()) return {};
  return make_error(ErrorCode::kUnavailable,
                    "the coordinator cannot write its state now (disk full?); the change is made "
                    "as soon as it can, unless the coordinator is stopped before");
}

Result<JobDetail> OperatorApi::show(const ShowJob& request) {
  const JobMachine* job = ports_.driver.engine().find(request.job);
  if (job == nullptr) return no_such_job(request.job);
  const bool first = request.from == RecordPosition{};
  JobDetail page{summary_of(job->record()), first ? job->record().document : "", {}};
  if (first) {
    page.module = job->record().model_file;
    page.signature = job->record().signature;
    TRIB_CHECK_OK(show_ledger(job->spec(), page));
  }
  if (!first && shown_ == request.job) {
    fill_page(records_, request.from, page);
    if (page.next != RecordPosition{}) return page;
    page.rounds.clear();
  }
  // The first page, and the last: what has come to the store since the first is in it too.
  TRIB_TRY(records, ports_.store.rounds(request.job));
  if (std::optional<RoundRow> now = job->under_way(ports_.clock.now()))
    records.push_back(*std::move(now));
  fill_page(records, request.from, page);
  const bool more = page.next != RecordPosition{};
  shown_ = more ? request.job : JobId{};
  records_ = more ? std::move(records) : std::vector<RoundRow>{};
  return page;
}

// All that was spent of the job's dataset; the lines of the last jobs.
Status OperatorApi::show_ledger(const JobSpec& spec, JobDetail& page) const {
  if (!spec.privacy.sites) return {};
  TRIB_TRY(ledger, ports_.store.ledger(spec.data.dataset));
  TRIB_TRY(epsilon, epsilon_of_all(ledger, spec.privacy.sites->delta));
  page.dataset_epsilon = epsilon;
  const std::size_t shown = std::min(ledger.size(), kSpendingsShown);
  page.ledger.assign(ledger.end() - static_cast<std::ptrdiff_t>(shown), ledger.end());
  return {};
}

// After that round; none where no record tells.
Digest OperatorApi::committed_model(const JobRecord& record, RoundNumber round) const {
  if (round == record.round) return record.model.digest;
  const auto rows = ports_.store.rounds(record.id);
  if (!rows) return {};
  const auto row = std::ranges::find_if(*rows, [round](const RoundRow& one) {
    return one.round == round && one.task == "train" && !one.model.is_none();
  });
  return row == rows->end() ? Digest{} : row->model;
}

Result<ModelInfo> OperatorApi::model(const GetModel& request) {
  const JobMachine* job = ports_.driver.engine().find(request.job);
  if (job == nullptr) return no_such_job(request.job);
  TRIB_TRY(round, round_of(request.which, job->record()));
  TRIB_TRY(ref, ports_.models.digest_of(request.job, round));
  const JobRecord& record = job->record();
  // Where sites are sent more than the model, the file's own digest was not committed.
  const Digest committed = sent_state(job->spec()) ? Digest{} : committed_model(record, round);
  if (!committed.is_none())
    TRIB_CHECK_OK(ports_.models.is_committed(request.job, round, ref.digest, committed));
  return ModelInfo{request.job, round, ref, record.document, record.plan};
}

JobList OperatorApi::list(const ListJobs& request) const {
  JobList reply;
  Page page(request.from);
  for (const JobMachine* job : ports_.driver.engine().jobs())
    page.offer(summary_of(job->record()), reply.jobs);
  reply.next = page.next();
  return reply;
}

StatusReply OperatorApi::status(const GetStatus& request) const {
  StatusReply reply;
  reply.software = ports_.software;
  reply.uptime_ms = (ports_.clock.now() - ports_.started).count();
  const Engine& engine = ports_.driver.engine();
  std::vector<SiteRow> sites;
  if (Result<std::vector<SiteRow>> known = ports_.store.sites()) sites = *std::move(known);
  for (SiteRow& site : sites) {
    site.online = engine.roster().contains(site.site);
    if (site.online) {
      site.doing = engine.activity_of(site.site);
      if (engine.roster().at(site.site).evaluator)
        site.doing = "evaluator" + (site.doing.empty() ? "" : ": " + site.doing);
      site.last_seen_wall_ms = ports_.clock.wall_ms();
    }
  }
  ports_.registry.describe(sites);
  Page page(request.from);
  for (const SiteRow& site : sites) page.offer(site, reply.sites);
  for (const JobMachine* job : engine.jobs()) page.offer(summary_of(job->record()), reply.jobs);
  reply.next = page.next();
  return reply;
}

JobSummary OperatorApi::summary_of(const JobRecord& record) const {
  const JobMachine* job = ports_.driver.engine().find(record.id);
  JobSummary summary;
  summary.job = record.id;
  summary.name = record.name;
  summary.state = job != nullptr && !job->over() && job->paused()
                      ? (job->working_sites().empty() ? "paused" : "pausing")
                  : job != nullptr && job->waiting() ? "waiting"
                                                     : std::string(job_state_name(record.state));
  summary.detail = job != nullptr && job->waiting() ? job->waiting_for() : record.detail;
  summary.round = record.round;
  summary.rounds = job != nullptr ? job->spec().rounds.rounds : 0;
  summary.submitted_wall_ms = record.submitted_wall_ms;
  if (record.last) {
    summary.loss = record.last->loss;
    summary.accuracy = record.last->accuracy;
    summary.auc = record.last->auc;
    summary.f1 = record.last->f1;
    summary.figures = record.last->others;
  }
  summary.best_round = record.best_round;
  summary.dry_run = record.dry_run;
  summary.changes = record.changes;
  if (record.spent) summary.epsilon = record.spent->epsilon;
  return summary;
}

}  // namespace tributary
