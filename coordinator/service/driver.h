// SPDX-License-Identifier: Apache-2.0
// Driver: joins the round engine to the world: makes its records durable, then carries out what it
// asked for. Used by the daemon and by tributary-simulate alike. Everything runs on the engine's
// thread, except JobWorker's calls, which run on the worker pool, one job's calls in order. It
// decides nothing that the engine could decide.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/round/engine.h"
#include "coordinator/service/job_worker.h"
#include "coordinator/service/secure_sums.h"
#include "coordinator/service/site_port.h"
#include "coordinator/service/state_store.h"

namespace tributary {

struct DriverPorts {
  const Clock& clock;
  StateStore& store;
  Staging& blobs;
  ModelRepository& models;
  SitePort& sites;
  std::function<void(const Report&)> report;
  std::function<void(std::function<void()>)> to_engine;  // runs later, on the engine's thread
  std::function<void(const JobId&, std::function<void()>)>
      to_worker;                             // runs on the pool, in order for one job
  ParallelFor parallel = one_after_another;  // for work that is on the pool
  // Whether `who` signed the job that is to get this id; none: nobody signs, as in simulations.
  std::function<Status(const JobId& id, const SubmitJob& request, const std::string& who)> vouched =
      {};
  // For the noise of jobs that hide whole sites; none: SecureRandom, which nobody can foretell.
  std::function<std::unique_ptr<RandomSource>(const JobId&)> noise = {};
  // Whose certificates are sites', for secure sums; none: there are none.
  std::function<Trust()> trust = {};
  // Of secure sums, for the next life; none: nothing is kept, as in simulations.
  const KeptSums* kept_sums = nullptr;
};

class Driver {
 public:
  Driver(DriverPorts ports, EngineOptions options);

  // Jobs of an earlier life. Before any other event.
  Status recover();
  // Whether the job's file and signature are right; nothing is kept.
  Status check(const SubmitJob& request, const std::string& who) const;
  // Checks the document, makes the job durable, hands it to the engine. The same token gives the
  // same job. `who` is told in the log.
  Result<JobSubmitted> submit(const SubmitJob& request, const std::string& who = "");
  void handle(const RoundEvent& event);
  // Of a site on its link, about a secure sum.
  void handle(const SiteName& site, const SumAnswer& answer);
  // When handle(TimePassed{}) is due at the latest.
  std::optional<TimePoint> next_wake() const;

  const Engine& engine() const { return engine_; }
  // The state store refused a record (disk full): decisions wait until it takes it, and are tried
  // again each second.
  bool stalled() const { return !unsaved_.empty(); }

 private:
  friend struct EffectPerformer;

  void step(std::span<const RoundEvent> events);
  void handle_with_others(const UpdateChecked& event);
  bool save(const RoundEffects& effects);
  void perform(const RoundEffects& effects);
  void remove_unused_blobs();
  std::shared_ptr<JobWorker> worker(const JobId& job);
  Lodging lodging(const JobId& job) const;  // of its updates
  void forget_noise(const JobId& job);

  DriverPorts ports_;
  Engine engine_;
  SecureSums secure_sums_;
  std::map<JobId, std::shared_ptr<JobWorker>> workers_;
  const std::shared_ptr<SumMemory> sums_ = std::make_shared<SumMemory>();
  std::vector<RoundEvent> checked_;  // updates whose record is written together with others
  std::deque<RoundEvent> waiting_;   // arrived while stalled
  RoundEffects unsaved_;             // decided, not durable yet, so not carried out
  TimePoint retry_at_;
  bool recovering_ = false;   // not all jobs are with the engine yet
  std::set<Digest> left_;     // blobs of an earlier life that a site may still announce again
  std::set<JobId> reopened_;  // jobs of that life, until they have committed a round or ended
};

}  // namespace tributary
