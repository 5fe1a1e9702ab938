// SPDX-License-Identifier: Apache-2.0
// Hub: the coordinator of a simulated federation: the daemon's own driver, sessions, worker and
// stores over a disk, a network and a clock of the simulation. It can be killed at any call of a
// port and started again on what its disk kept. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "coordinator/service/driver.h"
#include "coordinator/service/site_sessions.h"
#include "tests/sim/disk.h"
#include "tests/sim/memory_store.h"
#include "tests/sim/party.h"

namespace tributary::sim {

class Hub {
 public:
  // Told of every transaction before it is stored, and of every report.
  struct Observer {
    std::function<void(const RoundEffects&)> storing;
    std::function<void(const Report&)> reported;
  };
  Hub(Surroundings world, EngineOptions options, Observer observer);

  Disk disk;
  Tables tables;  // what SQLite keeps
  Fuse fuse{"coordinator"};

  void start();
  void kill(Death death = Death::kPowerCut);
  const EngineOptions& options() const { return options_; }
  std::uint64_t staging_memory() const { return staging_memory_; }
  bool up() const { return driver_ != nullptr; }
  const Life& life() const { return life_; }
  const Driver* driver() const { return driver_.get(); }
  std::size_t outstanding() const { return outstanding_; }
  bool busy() const { return outstanding_ > 0; }  // something is with the worker or on its way back
  std::string model_path(const JobId& job, RoundNumber round) const;

  // The same as an operator's submit; kUnavailable while it is down.
  Result<JobSubmitted> submit(const SubmitJob& job);
  // As an operator's command; nothing while it is down.
  void change(const JobId& job, const JobChanges& changes);
  void accept(const std::shared_ptr<End>& end, const std::string& site, bool evaluator);

 private:
  void touched();  // after anything that may have changed when it wants to be woken
  std::optional<TimePoint> next_wake() const;
  void work_later(const JobId& job, std::function<void()> work);
  BlobTransfers::WorkQueue uploads_of_a_link();

  Surroundings world_;
  EngineOptions options_;
  Observer observer_;
  Life life_;
  std::uint64_t staging_memory_;
  std::unique_ptr<Staging> blobs_;
  std::map<std::uint64_t, std::pair<std::function<void()>, std::function<void()>>>
      uploads_;  // work and answer of those that wait for the disk
  std::uint64_t last_upload_ = 0;
  std::unique_ptr<ModelRepository> models_;
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<SiteSessions> sessions_;
  std::unique_ptr<Driver> driver_;
  std::map<JobId, TimePoint> worker_busy_until_;
  std::size_t outstanding_ = 0;
  std::optional<TimePoint> armed_;
};

}  // namespace tributary::sim
