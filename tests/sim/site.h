// SPDX-License-Identifier: Apache-2.0
// Site: a site of a simulated federation: the client's own agent over a simulated disk and network,
// with a trainer that takes its time and makes the same update from the same model each time, or
// lies. It can be killed at any call of a port. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/agent/site_agent.h"
#include "tests/sim/disk.h"
#include "tests/sim/hub.h"
#include "tests/sim/party.h"

namespace tributary::sim {

enum class Lie {
  kNone,
  kNotFinite,
  kOutOfBounds,
  kWrongShape,
  kWrongDigest,  // announces bytes that it does not have
  kTooManyRows,  // more examples than it told
  kStaleUpdate,  // the same bytes in every round
  kWrongRound,   // offers its result for other rounds and attempts too
  kGarbage,      // bytes that are no model
};

struct SiteTraits {
  std::uint64_t rows = 10;
  Milliseconds step{50};  // about a task's time, at most twice as long
  Lie lie = Lie::kNone;
  bool evaluator = false;  // by its certificate
};

class Site {
 public:
  struct Observer {
    std::function<void(const std::string& site, const Task& task)> started;
    // Every update that is announced, true or not, under its digest.
    std::function<void(const Digest& digest, const Model& update)> made;
  };
  Site(std::string name, SiteTraits traits, Surroundings world, Hub& hub, Observer observer);

  SiteTraits traits;
  Disk disk;
  Fuse fuse;

  const std::string& name() const { return name_; }
  const Life& life() const { return life_; }
  bool up() const { return agent_ != nullptr; }
  void start();
  void kill(Death death = Death::kPowerCut);

 private:
  void dial();
  void work(const Task& task);
  void finish(const Task& task);
  Result<TaskOutcome> outcome_of(const Task& task);
  Result<TaskOutcome> train(const Task& task);
  Result<BlobRef> put(const Model& model);
  void touched();

  std::string name_;
  Surroundings world_;
  Hub& hub_;
  Observer observer_;
  Life life_;
  std::unique_ptr<SiteAgent> agent_;
  std::shared_ptr<End> link_;
  std::optional<Task> running_;
  std::uint64_t runs_ = 0;  // which finish() is meant
  std::optional<TimePoint> armed_;
};

// The update that an honest site makes of a model: multiples of 2^-10 in [-1, 1].
Model update_of(const std::string& site, const Digest& base, const Layout& layout);
Model initial_model();

}  // namespace tributary::sim
