// SPDX-License-Identifier: Apache-2.0
// Engine: the coordinator's whole decision making as (now, event) -> effects: which jobs run, who
// is asked for what, when a round closes. Owned by the driver, one thread. It does no I/O, reads no
// clock, and never sees a tensor.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "coordinator/round/effects.h"
#include "coordinator/round/events.h"
#include "coordinator/round/job_machine.h"

namespace tributary {

struct EngineOptions {
  std::size_t running_jobs_max = 1;  // others queue: by priority, then first come first served
  std::size_t tasks_per_site = 0;    // of all jobs together, at the same time; 0: no limit
};

class Engine {
 public:
  explicit Engine(EngineOptions options) : options_(options) {}

  [[nodiscard]] RoundEffects handle(TimePoint now, const RoundEvent& event);
  // When to call handle(TimePassed) at the latest; none while nothing waits for time.
  std::optional<TimePoint> next_wake() const;

  const Roster& roster() const { return roster_; }
  // Null if there is no such job. Jobs that are over stay until forgotten by a restart.
  const JobMachine* find(const JobId& job) const;
  std::vector<const JobMachine*> jobs() const;  // in order of arrival
  std::string activity_of(const SiteName& site) const;
  // The blobs that jobs still need: models being served, updates not yet in a committed round, and
  // the modules of all jobs.
  // None while a job's worker may be storing a model of which the engine knows nothing yet.
  std::optional<std::set<Digest>> blobs_in_use() const;

 private:
  struct Dispatcher;

  JobMachine* machine(const JobId& job);
  void know(const SiteName& site, const std::vector<std::string>& datasets);
  void advance(TimePoint now, RoundEffects& out);
  bool start_queued(RoundEffects& out);
  bool open_phases(TimePoint now, RoundEffects& out);

  EngineOptions options_;
  Roster roster_;
  std::map<SiteName, std::vector<std::string>> known_;  // datasets of sites, on the link or not
  std::map<SiteName, std::string> barred_;              // and why
  std::map<JobId, JobMachine> jobs_;
  std::vector<JobId> order_;
  std::map<JobId, std::uint64_t> opened_;  // when each job opened a phase last, as a count
  std::uint64_t openings_ = 0;
};

}  // namespace tributary
