// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/driver.h"

#include <algorithm>
#include <exception>

#include "common/base/limits.h"
#include "common/config/job_file.h"
#include "common/crypto/digest.h"
#include "common/trust/job_signing.h"
#include "coordinator/aggregation/rule.h"
#include "coordinator/round/pass.h"
#include "coordinator/service/site_privacy.h"

namespace tributary {
namespace {

constexpr Milliseconds kSaveRetry{1'000};

Reason reason_of_fetch(const Error& error) {
  switch (error.code) {
    case ErrorCode::kDataLoss:
      return Reason::kWrongDigest;
    case ErrorCode::kUnavailable:
    case ErrorCode::kCancelled:
      return Reason::kDisconnected;
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kIo:
      return Reason::kStorageFailed;
    default:
      return Reason::kUploadFailed;
  }
}

}  // namespace

// One overload per effect that is not a record.
struct EffectPerformer {
  Driver& driver;

  void operator()(const SendTask& e) { driver.ports_.sites.send(e.site, TaskOffer{e.task}); }
  void operator()(const SendCancel& e) {
    driver.ports_.sites.send(e.site, TaskCancel{e.key, e.reason});
  }
  void operator()(const SendVerdict& e) {
    driver.ports_.sites.send(e.site, TaskVerdict{e.key, e.reason, e.detail});
  }
  void operator()(const SendCommitted& e) {
    driver.ports_.sites.send(e.site, RoundCommitted{e.job, e.round});
  }
  void operator()(const FetchUpdate& e) {
    driver.ports_.sites.fetch(
        e.site, e.update, driver.lodging(e.key.job), [&d = driver, e](const Status& status) {
          if (status) {
            d.ports_.blobs.need(e.update.digest, {e.key.job, e.site});
            d.handle(UpdateArrived{e.site, e.key});
            const JobMachine* job = d.engine_.find(e.key.job);
            if (job == nullptr || !job->awaits(e.site, e.key))
              d.ports_.blobs.done(e.update.digest, {e.key.job, e.site});
          } else {
            d.handle(
                UpdateLost{e.site, e.key, reason_of_fetch(status.error()), status.error().message});
          }
        });
  }
  void operator()(const CheckUpdate& e) {
    on_worker(
        e.key.job, [e](JobWorker& worker) { return worker.check(e.site, e.key, e.result); },
        [e](std::string what) {
          return UpdateChecked{e.site, e.key, Reason::kStorageFailed, std::move(what), 0.0};
        });
  }
  void operator()(const AbsorbUpdate& e) {
    driver.ports_.to_worker(e.update.key.job,
                            [worker = driver.worker(e.update.key.job), e] { worker->absorb(e); });
  }
  void operator()(const MakeSum& e) {
    const JobMachine& job = *driver.engine_.find(e.key.job);
    driver.secure_sums_.make(e, job.spec(), job.record().document);
  }
  void operator()(const FetchInitialModel& e) {
    driver.ports_.sites.fetch(
        e.site, e.model, Lodging::kDisk,
        [self = *this, e](const Status& status) mutable { self.adopt(e, status); });
  }
  void operator()(const FinishRound& e) {
    on_worker(
        e.job,
        [e](JobWorker& worker) -> RoundEvent {
          Result<RoundFinished> finished = worker.finish(e.round);
          if (finished) return *std::move(finished);
          // The rule is not defined for these updates, or noise cannot be drawn again; a disk may
          // be cleared meanwhile.
          const bool for_good = finished.error().code == ErrorCode::kInvalidArgument;
          const bool lost = worker.take_lost(e.round);
          return RoundNotFinished{e.job, e.round, finished.error().message, for_good, lost};
        },
        [e](std::string what) -> RoundEvent {
          return RoundNotFinished{e.job, e.round, std::move(what)};
        });
  }
  void operator()(const CloseJob& e) {
    driver.secure_sums_.forget(e.job);
    driver.forget_noise(e.job);
    driver.workers_.erase(e.job);
    driver.ports_.blobs.trim();
    static_cast<void>(driver.sums_->take());
  }
  void operator()(const Report& e) { driver.ports_.report(e); }
  void operator()(const SaveJob&) {}
  void operator()(const SaveAccepted&) {}
  void operator()(const DropAccepted&) {}
  void operator()(const SaveRound&) {}
  void operator()(const SaveSpending&) {}
  void operator()(const ForgetAccepted& e) {
    driver.reopened_.erase(e.job);
    driver.secure_sums_.committed(e.job);
    driver.remove_unused_blobs();
  }
  void operator()(const ReleaseBlobs&) { driver.remove_unused_blobs(); }

 private:
  void adopt(const FetchInitialModel& e, const Status& fetched) {
    const auto failed = [e](Reason reason, std::string what) -> RoundEvent {
      return InitialModelFailed{e.job, e.site, reason, std::move(what)};
    };
    if (!fetched)
      return driver.handle(failed(reason_of_fetch(fetched.error()), fetched.error().message));
    on_worker(
        e.job,
        [e, failed](JobWorker& worker) -> RoundEvent {
          const Result<BlobRef> stored = worker.adopt_initial_model(e.model);
          if (!stored) return failed(reason_of_fetch(stored.error()), stored.error().message);
          return InitialModelStored{e.job, *stored};
        },
        [failed](std::string what) { return failed(Reason::kStorageFailed, std::move(what)); });
  }
  // `work` answers with an event; so does `failed` for what only an exception can say: no memory
  // for a large model. It costs that update or that try, never the daemon.
  template <typename Work, typename Failed>
  void on_worker(const JobId& job, Work work, Failed failed) {
    const auto answer = [work, failed](JobWorker& worker) -> RoundEvent {
      try {
        return work(worker);
      } catch (const std::exception& error) {
        return failed(error.what());
      }
    };
    driver.ports_.to_worker(job, [&d = driver, worker = driver.worker(job), answer] {
      d.ports_.to_engine([&d, event = answer(*worker)] {
        const auto* checked = std::get_if<UpdateChecked>(&event);
        if (checked == nullptr) return d.handle(event);
        d.handle_with_others(*checked);
      });
    });
  }
};

Driver::Driver(DriverPorts ports, EngineOptions options)
    : ports_(std::move(ports)),
      engine_(options),
      secure_sums_({ports_.clock, ports_.blobs, ports_.models, ports_.sites, ports_.report,
                    ports_.to_engine, ports_.to_worker, ports_.parallel, ports_.trust,
                    [this](const RoundEvent& event) { handle(event); }, ports_.kept_sums}) {}

// A rule that sees all updates together reads them again and again.
Lodging Driver::lodging(const JobId& job) const {
  const auto rule = find_rule(engine_.find(job)->spec().aggregation.rule.name);
  return rule && (*rule)->streams() ? Lodging::kMemory : Lodging::kDisk;
}

std::shared_ptr<JobWorker> Driver::worker(const JobId& job) {
  std::shared_ptr<JobWorker>& worker = workers_[job];
  if (!worker) {
    worker = std::make_shared<JobWorker>(job, engine_.find(job)->spec(), ports_.blobs,
                                         ports_.models, ports_.parallel, sums_,
                                         ports_.noise ? ports_.noise(job) : nullptr);
  }
  return worker;
}

Status Driver::recover() {
  TRIB_TRY(records, ports_.store.jobs());
  TRIB_TRY(sites, ports_.store.sites());
  TRIB_TRY(standings, ports_.store.standings());
  recovering_ = true;
  std::vector<JobAbortRequested> damaged;
  for (const SiteRow& site : sites) handle(SiteKnown{site.site, site.datasets});
  for (const JobRecord& record : records) {
    if (!is_over(record.state) && record.state != JobState::kQueued) reopened_.insert(record.id);
    if (is_over(record.state)) secure_sums_.forget(record.id);
    Result<JobFile> file = parse_job(record.document, record.id.value);
    if (!file && !is_over(record.state))
      return std::move(file).error().with_context("job " + record.id.value + " in the state store");
    // A job that is over is only shown: an old version's file may have what this one refuses.
    const JobSpec spec = file ? file->spec : JobSpec{};
    const Digest& model = record.model.digest;
    if (!is_over(record.state) && !model.is_none()) {
      Status whole = ports_.models.check(record.id, record.round, model, sent_state(spec));
      if (const std::uint32_t pass = rounds_per_pass_of(spec);
          whole && pass > 0 && record.round > 0)
        whole = ports_.models.check_noise(record.id, record.round, pass);
      if (!whole && whole.error().code == ErrorCode::kDataLoss)
        damaged.push_back({record.id, whole.error().message, true});
    }
    if (!is_over(record.state) && !model.is_none() && !ports_.blobs.contains(model)) {
      TRIB_CHECK_OK(ports_.models.publish(record.id, record.round, record.model, sent_state(spec),
                                          ports_.blobs));
    }
    TRIB_TRY(accepted, ports_.store.accepted(record.id));
    // What lay in memory only, or what the disk lost.
    const auto gone = std::ranges::partition(accepted, [this](const AcceptedUpdate& update) {
      return ports_.blobs.open_verified(update.result.update.digest).has_value();
    });
    const std::vector<AcceptedUpdate> lost(gone.begin(), gone.end());
    accepted.erase(gone.begin(), gone.end());
    handle(JobRecovered{record, spec, std::move(accepted), lost});
  }
  for (const SiteStanding& standing : standings) {
    if (!standing.kept_out.empty()) handle(SiteBarred{standing.site, standing.kept_out});
  }
  // A model that nobody committed is not trained on.
  for (const JobAbortRequested& end : damaged) handle(end);
  handle(TimePassed{});
  recovering_ = false;
  for (const JobRecord& record : records) {
    if (is_over(record.state)) forget_noise(record.id);
  }
  TRIB_TRY(there, ports_.blobs.list());
  left_.insert(there.begin(), there.end());
  remove_unused_blobs();
  return {};
}

// What was drawn for a job that is over is not drawn again, and its models keep it. After a call
// under way, which may write one more.
void Driver::forget_noise(const JobId& job) {
  if (rounds_per_pass_of(engine_.find(job)->spec()) == 0) return;
  ports_.to_worker(job, [&models = ports_.models, job] {
    static_cast<void>(models.remove_noise(job).has_value());
  });
}

Status Driver::check(const SubmitJob& request, const std::string& who) const {
  TRIB_TRY(file, parse_job(request.document, "job file"));
  TRIB_CHECK_OK(spent_at_start(file.spec));
  const JobId id = job_id_of(file.spec.name, request.token, request.document);
  return ports_.vouched ? ports_.vouched(id, request, who) : Status{};
}

Result<JobSubmitted> Driver::submit(const SubmitJob& request, const std::string& who) {
  TRIB_TRY(file, parse_job(request.document, "job file"));
  const std::vector<const JobMachine*> jobs = engine_.jobs();
  const auto same = std::ranges::find(jobs, request.token,
                                      [](const JobMachine* job) { return job->record().token; });
  if (same != jobs.end()) {
    const JobRecord& known = (*same)->record();
    if (known.document == request.document) return JobSubmitted{known.id, true};
    return make_error(ErrorCode::kAlreadyExists,
                      "the token was used for job " + known.id.value + " with another file");
  }
  TRIB_TRY(spent, spent_at_start(file.spec));
  const JobId id = job_id_of(file.spec.name, request.token, request.document);
  if (ports_.vouched) TRIB_CHECK_OK(ports_.vouched(id, request, who));
  if (stalled()) {
    return make_error(ErrorCode::kUnavailable,
                      "the coordinator cannot write its state now (disk full?); try again later");
  }
  if (std::ranges::count_if(jobs, [](const JobMachine* job) { return !job->over(); }) >=
      static_cast<std::ptrdiff_t>(limits::kJobsMax)) {
    return make_error(
        ErrorCode::kResourceExhausted,
        "there are already " + std::to_string(limits::kJobsMax) + " jobs that are queued or run");
  }
  JobRecord record;
  record.id = id;
  record.name = file.spec.name;
  record.token = request.token;
  record.document = request.document;
  record.model_file = request.model_file;
  record.signature = request.signature;
  record.dry_run = request.dry_run;
  record.spent = spent;
  record.submitted_wall_ms = ports_.clock.wall_ms();
  const Report submitted{"job.submitted",
                         {{"job", id.value},
                          {"name", record.name},
                          {"operator", who},
                          {"rounds", std::int64_t{file.spec.rounds.rounds}},
                          {"dry_run", record.dry_run},
                          {"document", sha256(as_bytes(record.document)).short_hex()}}};
  TRIB_CHECK_OK(ports_.store.apply({SaveJob{record}, submitted}));
  ports_.report(submitted);
  handle(JobArrived{std::move(record), std::move(file.spec)});
  return JobSubmitted{id, false};
}

void Driver::handle(const RoundEvent& event) {
  if (std::holds_alternative<TimePassed>(event)) secure_sums_.pass_time();
  if (stalled()) {
    if (ports_.clock.now() < retry_at_ || !save(unsaved_)) {
      if (!std::holds_alternative<TimePassed>(event)) waiting_.push_back(event);
      return;
    }
    const RoundEffects saved = std::exchange(unsaved_, {});
    perform(saved);
    while (!waiting_.empty() && !stalled()) {
      const RoundEvent next = std::move(waiting_.front());
      waiting_.pop_front();
      step({&next, 1});
    }
    if (stalled()) {
      waiting_.push_back(event);
      return;
    }
  }
  step({&event, 1});
}

// What no job of now can be waiting for is not kept until one does; a site that does not know yet
// that a job is over may forget what it has for it.
void Driver::handle(const SiteName& site, const SumAnswer& answer) {
  const JobMachine* job = engine_.find(answer.key.job);
  if (job == nullptr || job->over()) {
    const RoundNumber round = std::max(answer.key.round, job == nullptr ? 0 : job->record().round);
    return ports_.sites.send(site, RoundCommitted{answer.key.job, round + 1});
  }
  if (summed_secretly(job->spec(), answer.key.kind)) secure_sums_.on_answer(site, answer);
}

// One transaction for all that were checked while the last one was written: a disk makes only so
// many a second.
void Driver::handle_with_others(const UpdateChecked& event) {
  checked_.push_back(event);
  if (checked_.size() > 1) return;
  ports_.to_engine([this] {
    const std::vector<RoundEvent> events = std::exchange(checked_, {});
    if (!stalled()) return step(events);
    for (const RoundEvent& one : events) handle(one);
  });
}

void Driver::step(std::span<const RoundEvent> events) {
  RoundEffects effects;
  for (const RoundEvent& event : events) {
    for (RoundEffect& effect : engine_.handle(ports_.clock.now(), event))
      effects.push_back(std::move(effect));
  }
  if (!save(effects)) {
    unsaved_ = std::move(effects);
    return;
  }
  perform(effects);
}

bool Driver::save(const RoundEffects& effects) {
  if (std::ranges::none_of(effects, is_durable)) return true;
  const Status saved = ports_.store.apply(effects);
  if (saved) return true;
  retry_at_ = ports_.clock.now() + kSaveRetry;
  ports_.report(Report{
      "state.stalled",
      {{"detail", saved.error().message}, {"retry_after_ms", std::int64_t{kSaveRetry.count()}}}});
  return false;
}

void Driver::perform(const RoundEffects& effects) {
  EffectPerformer performer{*this};
  for (const RoundEffect& effect : effects) std::visit(performer, effect);
}

// One rule for all jobs, because jobs share blobs: equal bytes are one blob. What no job has a use
// for goes, whole or in part. The sites of rounds that were open at the last stop may not have said
// yet what they had begun to upload: until those rounds are over, all that was there then stays.
// What cannot be removed now goes when the next round is committed, or at the next start.
void Driver::remove_unused_blobs() {
  // A job that waits to be taken up again (also behind a disk that is full) needs its blobs too.
  if (recovering_ || stalled() || !waiting_.empty()) return;
  if (reopened_.empty()) left_.clear();
  const std::optional<std::set<Digest>> used = engine_.blobs_in_use();
  const Result<std::vector<Digest>> there = ports_.blobs.list();
  if (!used || !there) return;
  for (const Digest& digest : *there) {
    if (left_.contains(digest) || secure_sums_.uses(digest)) continue;
    if (!used->contains(digest)) static_cast<void>(ports_.blobs.remove(digest).has_value());
  }
}

std::optional<TimePoint> Driver::next_wake() const {
  const auto wake = stalled() ? std::optional<TimePoint>(retry_at_) : engine_.next_wake();
  const auto of_sums = secure_sums_.next_wake();
  return wake && of_sums ? std::min(*wake, *of_sums) : of_sums ? of_sums : wake;
}

}  // namespace tributary
