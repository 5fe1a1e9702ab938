// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/engine.h"

#include <algorithm>

namespace tributary {

// One overload per event; the machine concerned does the work.
struct Engine::Dispatcher {
  Engine& engine;
  TimePoint now;
  RoundEffects& out;

  void operator()(const SiteConnected& e) {
    engine.roster_[e.site] = {e.datasets, e.evaluator};
    engine.barred_.erase(e.site);
    if (!e.evaluator) engine.know(e.site, e.datasets);
    for (const JobId& id : engine.order_) {
      JobMachine& job = engine.jobs_.at(id);
      if (!job.over()) job.on_connected(now, e.site, out);
    }
  }
  void operator()(const SiteKnown& e) { engine.know(e.site, e.datasets); }
  void operator()(const SiteDisconnected& e) {
    engine.roster_.erase(e.site);
    for (auto& [id, job] : engine.jobs_) job.on_disconnected(now, e.site);
  }
  void operator()(const SiteBarred& e) {
    engine.roster_.erase(e.site);
    engine.barred_[e.site] = e.why;
    for (const JobId& id : engine.order_) {
      JobMachine& job = engine.jobs_.at(id);
      if (!job.over()) job.on_barred(now, e.site, e.why, out);
    }
  }
  void operator()(const SiteAllowed& e) {
    engine.barred_.erase(e.site);
    for (auto& [id, job] : engine.jobs_) job.allow(e.site);
  }
  void operator()(const JobArrived& e) { add(e.record, e.spec); }
  void operator()(const JobRecovered& e) {
    add(e.record, e.spec);
    JobMachine& job = engine.jobs_.at(e.record.id);
    if (!job.over() && e.record.state != JobState::kQueued) job.resume(now, e, out);
  }
  void operator()(const JobAbortRequested& e) {
    JobMachine* job = engine.machine(e.job);
    if (job != nullptr && !job->over()) job->abort(now, e, out);
  }
  void operator()(const JobChangeRequested& e) {
    JobMachine* job = engine.machine(e.job);
    if (job != nullptr && !job->over()) job->change(now, e, engine.roster_, out);
  }
  void operator()(const SiteAcceptedTask& e) {
    if (awaited(e.site, e.key)) report_task("task.accepted", e.site, e.key, {});
  }
  void operator()(const SiteProgressed& e) {
    if (awaited(e.site, e.key)) {
      report_task("task.progress", e.site, e.key,
                  {{"done", static_cast<std::int64_t>(e.done)},
                   {"total", static_cast<std::int64_t>(e.total)}});
    }
  }
  void operator()(const SiteReturned& e) {
    if (JobMachine* job = engine.machine(e.result.key.job)) {
      job->on_returned(now, e, out);
    } else {  // a job of another life of this coordinator; the site may forget it
      out.push_back(SendVerdict{e.site, e.result.key, Reason::kStale, "no such job here"});
    }
  }
  void operator()(const UpdateArrived& e) {
    if (JobMachine* job = engine.machine(e.key.job)) job->on_update_arrived(e, out);
  }
  void operator()(const UpdateLost& e) {
    if (JobMachine* job = engine.machine(e.key.job)) job->on_update_lost(now, e, out);
  }
  void operator()(const UpdateChecked& e) {
    if (JobMachine* job = engine.machine(e.key.job)) job->on_update_checked(now, e, out);
  }
  void operator()(const InitialModelStored& e) {
    if (JobMachine* job = engine.machine(e.job)) job->on_initial_model_stored(e, out);
  }
  void operator()(const InitialModelFailed& e) {
    if (JobMachine* job = engine.machine(e.job)) job->on_initial_model_failed(now, e, out);
  }
  void operator()(const RoundFinished& e) {
    if (JobMachine* job = engine.machine(e.job)) job->on_round_finished(now, e, out);
  }
  void operator()(const RoundNotFinished& e) {
    if (JobMachine* job = engine.machine(e.job)) job->on_round_not_finished(now, e, out);
  }
  void operator()(const SumMade& e) {
    if (JobMachine* job = engine.machine(e.key.job)) job->on_sum_made(now, e, out);
  }
  void operator()(const SumNotMade& e) {
    if (JobMachine* job = engine.machine(e.key.job)) job->on_sum_not_made(now, e, out);
  }
  void operator()(const TimePassed&) {}

 private:
  // Nobody fills the log with tasks that are not its own.
  bool awaited(const SiteName& site, const TaskKey& key) const {
    const JobMachine* job = engine.find(key.job);
    return job != nullptr && job->awaits(site, key);
  }
  void add(const JobRecord& record, const JobSpec& spec) {
    const auto [job, added] = engine.jobs_.try_emplace(record.id, record, spec);
    if (!added) return;
    engine.order_.push_back(record.id);
    for (const auto& [site, datasets] : engine.known_) job->second.know(site, datasets);
    for (const auto& [site, why] : engine.barred_) job->second.bar(site, why);
  }
  void report_task(const char* event, const SiteName& site, const TaskKey& key,
                   std::vector<std::pair<std::string, FieldValue>> more) {
    Report report{event,
                  {{"job", key.job.value},
                   {"round", std::int64_t{key.round}},
                   {"attempt", std::int64_t{key.attempt}},
                   {"task", std::string(task_kind_name(key.kind))},
                   {"site", site.value}}};
    for (auto& field : more) report.fields.push_back(std::move(field));
    out.push_back(std::move(report));
  }
};

RoundEffects Engine::handle(TimePoint now, const RoundEvent& event) {
  RoundEffects out;
  std::visit(Dispatcher{*this, now, out}, event);
  // Which job goes on, and which waits, is decided when all of them are back.
  const bool recovering = std::holds_alternative<JobRecovered>(event);
  if (!recovering && !std::holds_alternative<SiteKnown>(event)) advance(now, out);
  return out;
}

void Engine::know(const SiteName& site, const std::vector<std::string>& datasets) {
  known_[site] = datasets;
  for (auto& [id, job] : jobs_) job.know(site, datasets);
}

void Engine::advance(TimePoint now, RoundEffects& out) {
  // Bounded: each turn opens or closes a phase of some job, and a job that cannot go on rests.
  constexpr int kTurnsMax = 8;
  bool moved = true;
  for (int turn = 0; turn < kTurnsMax && moved; ++turn) {
    for (auto& [id, job] : jobs_) job.expire(now, out);
    moved = start_queued(out);
    moved = open_phases(now, out) || moved;
    for (const JobId& id : order_) moved = jobs_.at(id).close(now, out) || moved;
  }
}

// In order of priority; among equals whoever opened a phase longest ago goes first, so that jobs
// take turns at the sites they share.
bool Engine::open_phases(TimePoint now, RoundEffects& out) {
  SiteTurns turns(options_.tasks_per_site);
  std::vector<JobMachine*> jobs;
  for (const JobId& id : order_) {
    JobMachine& job = jobs_.at(id);
    if (job.over()) continue;
    jobs.push_back(&job);
    if (turns.limited()) turns.take(job.working_sites());
  }
  std::ranges::stable_sort(jobs, {}, [this](const JobMachine* job) {
    const auto opened = opened_.find(job->record().id);
    return std::pair(-job->spec().priority, opened == opened_.end() ? 0 : opened->second);
  });
  bool any = false;
  for (JobMachine* job : jobs) {
    if (!job->open(now, roster_, turns, out)) continue;
    opened_[job->record().id] = ++openings_;
    any = true;
  }
  return any;
}

bool Engine::start_queued(RoundEffects& out) {
  std::size_t running = 0;
  bool any = false;
  for (auto& [id, job] : jobs_) {
    if (job.record().dry_run) {  // whoever asks whether a job could run does not wait for others
      if (job.record().state == JobState::kQueued && !job.paused()) {
        job.start(out);
        any = true;
      }
    } else if (job.running()) {
      ++running;
    }
  }
  while (running < options_.running_jobs_max) {
    JobMachine* next = nullptr;
    for (const JobId& id : order_) {
      JobMachine& job = jobs_.at(id);
      if (job.record().state != JobState::kQueued || job.paused()) continue;
      if (next == nullptr || job.spec().priority > next->spec().priority) next = &job;
    }
    if (next == nullptr) break;
    next->start(out);
    ++running;
    any = true;
  }
  return any;
}

std::optional<TimePoint> Engine::next_wake() const {
  std::optional<TimePoint> wake;
  for (const auto& [id, job] : jobs_) {
    if (const auto at = job.next_wake(); at && (!wake || *at < *wake)) wake = at;
  }
  return wake;
}

JobMachine* Engine::machine(const JobId& job) {
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? nullptr : &found->second;
}

const JobMachine* Engine::find(const JobId& job) const {
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? nullptr : &found->second;
}

std::vector<const JobMachine*> Engine::jobs() const {
  std::vector<const JobMachine*> all;
  for (const JobId& id : order_) all.push_back(&jobs_.at(id));
  return all;
}

std::optional<std::set<Digest>> Engine::blobs_in_use() const {
  std::set<Digest> used;
  for (const auto& [id, job] : jobs_) {
    used.insert(job.record().model_file.digest);  // also of a job that is over: it may be cloned
    if (job.over()) continue;
    if (job.storing()) return std::nullopt;
    job.add_blobs_in_use(used);
  }
  return used;
}

std::string Engine::activity_of(const SiteName& site) const {
  for (const auto& [id, job] : jobs_) {
    if (std::string what = job.activity_of(site); !what.empty()) return what;
  }
  return "";
}

}  // namespace tributary
