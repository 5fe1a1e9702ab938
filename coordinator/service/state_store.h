// SPDX-License-Identifier: Apache-2.0
// StateStore: the coordinator's durable memory in SQLite (WAL, synchronous=FULL): sites seen, what
// operators decided about them, who asked for a certificate, jobs,
// accepted updates of open rounds, the record of every round, the ledger of whole sites' privacy,
// which outlives its jobs. Owned by the driver, engine thread.
// It holds no model.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/domain/messages.h"
#include "coordinator/round/effects.h"
#include "coordinator/round/job_record.h"
#include "coordinator/service/enrolment.h"
#include "coordinator/service/site_standing.h"

namespace tributary {

class AuditTrail;

class StateStore {
 public:
  // Opens the audit trail, which outlives the store, with the number of its records that belong to
  // this state. From then on each transaction has its records in the trail before it is durable.
  using OpenTrail = std::function<Result<AuditTrail*>(std::uint64_t records)>;

  static Result<std::unique_ptr<StateStore>> open(const std::string& path,
                                                  const OpenTrail& open_trail = {});
  virtual ~StateStore() = default;

  // All Save* and Forget* effects among `effects`, in one transaction that is durable when this
  // returns.
  virtual Status apply(const RoundEffects& effects) = 0;
  virtual Status save_site(const SiteRow& site) = 0;
  // `told`: the decision that it comes from, for the trail in the same transaction; none: nobody
  // decided anything.
  virtual Status save_standing(const SiteStanding& standing, const RoundEffects& told) = 0;
  virtual Status save_enrolment(const Enrolment& enrolment, const RoundEffects& told) = 0;

  virtual Result<std::vector<JobRecord>> jobs() const = 0;    // in order of submission
  virtual Result<JobRecord> job(const JobId& job) const = 0;  // kNotFound
  virtual Result<std::vector<AcceptedUpdate>> accepted(const JobId& job) const = 0;
  virtual Result<std::vector<RoundRow>> rounds(const JobId& job) const = 0;
  virtual Result<std::vector<SiteRow>> sites() const = 0;
  virtual Result<std::vector<SiteStanding>> standings() const = 0;
  virtual Result<std::vector<Enrolment>> enrolments() const = 0;
  // Of the dataset, in the order in which jobs began to spend of it.
  virtual Result<std::vector<SiteSpending>> ledger(const std::string& dataset) const = 0;
};

// Whether `effect` is one that StateStore::apply stores.
bool is_durable(const RoundEffect& effect);

}  // namespace tributary
