// SPDX-License-Identifier: Apache-2.0
// World: one simulated federation from one seed: jobs, sites, and faults until they stop; then
// everything must finish. The same seed gives the same run.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/telemetry/event_log.h"
#include "tests/sim/invariants.h"
#include "tests/sim/site.h"

namespace tributary::sim {

struct Verdict {
  bool clean = true;
  std::string what;  // the violated invariant, or what did not finish
  std::uint64_t steps = 0;
  std::size_t rounds = 0;   // committed
  std::size_t crashes = 0;  // of any party
  std::int64_t virtual_ms = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed, bool verbose = false);
  ~World();
  Verdict run();

 private:
  void make_sites();
  void add_site(const std::string& name, const SiteTraits& traits);
  std::string make_rounds(std::uint64_t reliable);
  void make_jobs();
  std::string make_privacy(const std::string& rounds, std::uint64_t reliable);
  std::string make_doomed_rounds() const;
  void submit(std::size_t job);
  void fault();
  void meddle();
  void change(const JobId& job, const JobChanges& changes);
  void schedule_fault();
  void heal();
  void kill(const std::string& party);
  void restart(const std::string& party);
  void step_safely(TimePoint end, bool& more);
  void check_limits() const;
  bool finished() const;
  std::string unfinished() const;
  Milliseconds upto(std::int64_t most_ms);
  void say(const std::string& what) const;

  bool verbose_;
  SeededRandom random_;
  Timeline timeline_;
  Network network_;
  std::unique_ptr<EventLog> log_;
  Invariants invariants_;
  std::unique_ptr<Hub> hub_;
  std::vector<std::unique_ptr<Site>> sites_;
  std::vector<SubmitJob> jobs_;
  bool rooted_ = false;           // the rule of some job has a root
  std::set<std::string> doomed_;  // they wait for more sites than there are
  std::vector<JobId> submitted_;
  TimePoint calm_at_;  // faults stop
  bool calm_ = false;
  Verdict verdict_;
};

}  // namespace tributary::sim
