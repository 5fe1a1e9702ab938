// SPDX-License-Identifier: Apache-2.0
// MemoryStore: what SQLite with synchronous=FULL promises, in memory: a transaction is there in
// whole or not at all, and stays. It outlives the coordinators that use it. A disk that is full
// refuses; a crash may come just before or just after the transaction.
#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "coordinator/service/state_store.h"

namespace tributary::sim {

struct Tables {
  std::vector<JobRecord> jobs;
  std::map<JobId, std::vector<AcceptedUpdate>> accepted;
  std::map<JobId, std::vector<RoundRow>> rounds;
  std::map<SiteName, SiteRow> sites;
  std::map<SiteName, SiteStanding> standings;
  std::vector<SiteSpending> ledger;
};

class MemoryStore final : public StateStore {
 public:
  // `before` sees each transaction ahead of it: an error is what the disk says to it.
  MemoryStore(Tables& tables, std::function<Status(const RoundEffects&)> before)
      : tables_(tables), before_(std::move(before)) {}

  Status apply(const RoundEffects& effects) override {
    TRIB_CHECK_OK(before_(effects));
    for (const RoundEffect& effect : effects) store(effect);
    return {};
  }
  Status save_site(const SiteRow& site) override {
    TRIB_CHECK_OK(before_({}));
    tables_.sites[site.site] = site;
    return {};
  }
  Status save_standing(const SiteStanding& standing, const RoundEffects&) override {
    TRIB_CHECK_OK(before_({}));
    tables_.standings[standing.site] = standing;
    return {};
  }
  Result<std::vector<JobRecord>> jobs() const override { return tables_.jobs; }
  Result<JobRecord> job(const JobId& job) const override {
    const auto found = std::ranges::find(tables_.jobs, job, &JobRecord::id);
    if (found == tables_.jobs.end()) return make_error(ErrorCode::kNotFound, "no job " + job.value);
    return *found;
  }
  Result<std::vector<AcceptedUpdate>> accepted(const JobId& job) const override {
    const auto found = tables_.accepted.find(job);
    return found == tables_.accepted.end() ? std::vector<AcceptedUpdate>{} : found->second;
  }
  Result<std::vector<RoundRow>> rounds(const JobId& job) const override {
    const auto found = tables_.rounds.find(job);
    return found == tables_.rounds.end() ? std::vector<RoundRow>{} : found->second;
  }
  Result<std::vector<SiteRow>> sites() const override {
    std::vector<SiteRow> rows;
    for (const auto& [name, row] : tables_.sites) rows.push_back(row);
    return rows;
  }
  Result<std::vector<SiteSpending>> ledger(const std::string& dataset) const override {
    std::vector<SiteSpending> of;
    std::ranges::copy_if(tables_.ledger, std::back_inserter(of),
                         [&](const SiteSpending& one) { return one.dataset == dataset; });
    return of;
  }
  // Nobody enrols in a simulation.
  Status save_enrolment(const Enrolment&, const RoundEffects&) override { return {}; }
  Result<std::vector<Enrolment>> enrolments() const override { return std::vector<Enrolment>{}; }
  Result<std::vector<SiteStanding>> standings() const override {
    std::vector<SiteStanding> all;
    for (const auto& [name, standing] : tables_.standings) all.push_back(standing);
    return all;
  }

 private:
  void store(const RoundEffect& effect) {
    if (const auto* job = std::get_if<SaveJob>(&effect)) {
      const auto found = std::ranges::find(tables_.jobs, job->record.id, &JobRecord::id);
      if (found == tables_.jobs.end()) {
        tables_.jobs.push_back(job->record);
      } else {
        *found = job->record;
      }
    } else if (const auto* accepted = std::get_if<SaveAccepted>(&effect)) {
      std::vector<AcceptedUpdate>& updates = tables_.accepted[accepted->update.key.job];
      std::erase_if(updates, [&](const AcceptedUpdate& one) {  // one for each round and site
        return one.site == accepted->update.site && one.key.round == accepted->update.key.round;
      });
      updates.push_back(accepted->update);
    } else if (const auto* dropped = std::get_if<DropAccepted>(&effect)) {
      std::erase_if(tables_.accepted[dropped->job], [&](const AcceptedUpdate& one) {
        return one.site == dropped->site && one.into == dropped->into;
      });
    } else if (const auto* round = std::get_if<SaveRound>(&effect)) {
      tables_.rounds[round->job].push_back(round->row);
    } else if (const auto* spent = std::get_if<SaveSpending>(&effect)) {
      std::erase_if(tables_.ledger, [&](const SiteSpending& one) {
        return one.dataset == spent->spending.dataset && one.job == spent->spending.job;
      });
      tables_.ledger.push_back(spent->spending);
    } else if (const auto* forget = std::get_if<ForgetAccepted>(&effect)) {
      tables_.accepted.erase(forget->job);
    }
  }

  Tables& tables_;
  std::function<Status(const RoundEffects&)> before_;
};

}  // namespace tributary::sim
