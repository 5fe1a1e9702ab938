// SPDX-License-Identifier: Apache-2.0
// Invariants: what must hold at every step of a simulated federation, whatever fails. Checked from
// the outside, against an arithmetic of its own; a violation is thrown as Violated. One thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "common/tensor/layout.h"
#include "tests/sim/hub.h"

namespace tributary::sim {

struct Violated {
  std::string what;
};

class Invariants {
 public:
  // --- what happens ---
  void made(const Digest& digest, const Model& update) { updates_[digest] = update; }
  // A site begins a task; what the coordinator has accepted is never trained again.
  void started(const Hub& hub, const std::string& site, const Task& task);
  // A transaction is about to become durable.
  void storing(const Hub& hub, const RoundEffects& effects);
  // The coordinator sends something to a site.
  void sent(const Hub& hub, const std::string& site, const Message& message);

  // --- at any time the coordinator is up ---
  void check(const Hub& hub, TimePoint now) const;
  // Models of committed rounds are the bytes that they were.
  void check_models(Hub& hub) const;
  std::size_t committed() const { return models_.size(); }

 private:
  void check_commit(const Hub& hub, const JobId& job, const RoundRow& row, const JobRecord& record);
  void check_model(const Hub& hub, const JobId& job, const RoundRow& row, const JobRecord& record);
  void check_starts(const Hub& hub, const RoundEffects& effects) const;
  void check_spending(const Hub& hub, const RoundEffects& effects, const SaveRound& round) const;
  // Of a job that hides sites, whose noise is so small that the model is still that of its sum.
  bool near_private(const Hub& hub, const JobId& job, const RoundRow& row,
                    const Model& model) const;
  void check_folds(const Hub& hub, const JobId& job, RoundNumber round);
  Model base_of(const JobId& job, RoundNumber round) const;  // what the round starts from
  const Model& made_by(const AcceptedUpdate& update) const;
  std::vector<float> trusted(const Hub& hub, const JobId& job, RoundNumber round,
                             const SiteName& root) const;
  std::vector<float> reference(const Hub& hub, const JobId& job, RoundNumber round,
                               const JobRecord& record) const;

  // What is in committed rounds: job, site, and round and attempt that the update was made for.
  using Made = std::tuple<JobId, SiteName, RoundNumber, AttemptNumber>;

  std::map<Digest, Model> updates_;
  std::set<Made> folded_;
  std::set<std::tuple<JobId, SiteName, RoundNumber>> counted_;  // in which pass of the job
  std::map<std::pair<JobId, RoundNumber>, Model> models_;       // of committed rounds
  // As the updates make them; what a job publishes in deltas follows.
  std::map<std::pair<JobId, RoundNumber>, Model> targets_;
  // Acknowledged to their sites, not yet in a committed round: with the round that will have them.
  std::set<std::tuple<JobId, RoundNumber, SiteName>> acknowledged_;
};

}  // namespace tributary::sim
