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
    engine.roster_[e.site] = e.datasets;
    for (const JobId& id : engine.order_) {
      JobMachine& job = engine.jobs_.at(id);
      if (!job.over()) job.on_connected(e.site, out);
    }
  }
  void operator()(const SiteDisconnected& e) {
    engine.roster_.erase(e.site);
    for (auto& [id, job] : engine.jobs_) job.on_disconnected(now, e.site);
  }
  void operator()(const JobArrived& e) { add(e.record, e.spec); }
  void operator()(const JobRecovered& e) {
    add(e.record, e.spec);
    JobMachine& job = engine.jobs_.at(e.record.id);
    if (!job.over() && e.record.state != JobState::kQueued) job.resume(e.accepted, out);
  }
  void operator()(const JobAbortRequested& e) {
    JobMachine* job = engine.machine(e.job);
    if (job != nullptr && !job->over()) job->abort(now, e.why, out);
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
    if (JobMachine* job = engine.machine(e.job))
      job->on_initial_model(now, e.model, SiteName{}, out);
  }
  void operator()(const InitialModelFailed& e) {
    if (JobMachine* job = engine.machine(e.job)) {
      job->on_initial_model(now, make_error(ErrorCode::kUnavailable, e.detail), e.site, out);
    }
  }
  void operator()(const RoundFinished& e) {
    if (JobMachine* job = engine.machine(e.job)) job->on_round_finished(now, e, out);
  }
  void operator()(const RoundNotFinished& e) {
    if (JobMachine* job = engine.machine(e.job)) job->on_round_not_finished(now, e, out);
  }
  void operator()(const TimePassed&) {}

 private:
  // Nobody fills the log with tasks that are not its own.
  bool awaited(const SiteName& site, const TaskKey& key) const {
    const JobMachine* job = engine.find(key.job);
    return job != nullptr && job->awaits(site, key);
  }
  void add(const JobRecord& record, const JobSpec& spec) {
    if (engine.jobs_.try_emplace(record.id, record, spec).second)
      engine.order_.push_back(record.id);
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
  for (const JobId& id : order_) jobs_.at(id).advance(now, roster_, out);
  start_queued(now, out);
  return out;
}

void Engine::start_queued(TimePoint now, RoundEffects& out) {
  auto running = static_cast<std::size_t>(std::ranges::count_if(jobs_, [](const auto& entry) {
    return !entry.second.over() && entry.second.record().state != JobState::kQueued;
  }));
  for (const JobId& id : order_) {
    JobMachine& job = jobs_.at(id);
    if (job.record().state != JobState::kQueued) continue;
    if (running >= options_.running_jobs_max) return;
    job.start(now, roster_, out);
    if (!job.over()) ++running;
  }
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
