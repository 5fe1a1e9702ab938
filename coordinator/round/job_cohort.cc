// SPDX-License-Identifier: Apache-2.0
// JobMachine: whom to ask, and what it waits for when that is too few.
#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "coordinator/round/job_machine.h"
#include "coordinator/round/pass.h"
#include "coordinator/round/selection.h"

namespace tributary {

std::uint32_t JobMachine::quorum() const {
  return spec_.rounds.quorum > 0 ? spec_.rounds.quorum : spec_.rounds.target;
}

std::optional<SiteName> JobMachine::root_for(TaskKind kind) const {
  const bool needed = kind == TaskKind::kPrepare || kind == TaskKind::kTrain;
  return needed ? spec_.aggregation.root() : std::nullopt;
}

std::string JobMachine::root_lacks(TaskKind kind, const Roster& roster) const {
  const std::optional<SiteName> root = root_for(kind);
  if (!root || carried_.contains(*root)) return "";
  const std::string named = "the root " + root->value;
  if (const auto unfit = unfit_.find(*root); unfit != unfit_.end())
    return named + " cannot " + std::string(task_kind_name(kind)) + ": " + unfit->second;
  if (later_.contains(*root)) return named + " cannot yet: policy_pending";
  const auto link = roster.find(*root);
  if (link == roster.end()) return named + " is not on the link";
  if (!link->second.evaluator)
    return named + " has a certificate with the role site, and is to have one with evaluator";
  const std::vector<std::string>& datasets = link->second.datasets;
  if (!record_.dry_run && std::ranges::find(datasets, spec_.data.dataset) == datasets.end())
    return named + " has no dataset '" + spec_.data.dataset + "'";
  return "";
}

std::vector<SiteName> JobMachine::with_root(TaskKind kind, const Roster& roster,
                                            std::vector<SiteName> sites) const {
  const std::optional<SiteName> root = root_for(kind);
  if (!root || carried_.contains(*root) || !root_lacks(kind, roster).empty()) return sites;
  sites.insert(std::ranges::upper_bound(sites, *root), *root);
  return sites;
}

std::vector<SiteName> JobMachine::candidates(TaskKind kind, const Roster& roster) const {
  std::vector<SiteName> names;
  const std::vector<std::string>& allowed = spec_.rounds.sites;
  const bool central = kind == TaskKind::kEvaluate && spec_.evaluation.by_evaluators;
  const std::optional<SiteName> root = spec_.aggregation.root();
  for (const auto& [site, link] : roster) {
    if (link.evaluator != central || site == root) continue;
    if (unfit_.contains(site) || later_.contains(site)) continue;
    if (carried_.contains(site) || late_.contains(site)) continue;
    if (phase_ && phase_->has(site)) continue;
    if (!allowed.empty() && !central && std::ranges::find(allowed, site.value) == allowed.end())
      continue;
    // In a dry run whoever is there says whether it could, and why not.
    if (!record_.dry_run &&
        std::ranges::find(link.datasets, spec_.data.dataset) == link.datasets.end())
      continue;
    const auto rows = record_.rows.find(site);
    const bool told = rows != record_.rows.end();
    if (kind == TaskKind::kInitialize && !told) continue;
    if (kind == TaskKind::kTrain && told && rows->second.training == 0) continue;
    if (kind == TaskKind::kTrain && counted_in_pass(record_, spec_, site)) continue;
    if (kind == TaskKind::kEvaluate && told && rows->second.validation == 0) continue;
    names.push_back(site);
  }
  return names;
}

// The sites of the next phase, whether they are busy or not: who takes part does not depend on
// other jobs. In an asynchronous round, where each site is asked by itself, those that are free.
std::vector<SiteName> JobMachine::choose(TaskKind kind, const Roster& roster,
                                         const SiteTurns& turns) const {
  if (reopens(kind)) {  // after a restart: the same sites again; who stays away is lost in the end
    std::vector<SiteName> sites = record_.cohort;
    std::erase_if(sites, [this](const SiteName& site) { return carried_.contains(site); });
    return sites;
  }
  std::vector<SiteName> sites = candidates(kind, roster);
  const RoundPolicy& policy = spec_.rounds;
  const Draw draw{spec_.seed, kind == TaskKind::kTrain ? record_.round + 1 : record_.round,
                  record_.attempt};
  switch (kind) {
    case TaskKind::kPrepare:
      return with_root(kind, roster, std::move(sites));
    case TaskKind::kInitialize:
      return record_.dry_run ? sites
                             : select_uniform(std::move(sites), limits::kInitializersMax,
                                              {spec_.seed, 0, record_.attempt});
    case TaskKind::kEvaluate: {
      const std::size_t count = share_of(spec_.evaluation.fraction, sites.size());
      return select_uniform(std::move(sites), count,
                            {spec_.seed, record_.round, record_.attempt, 0, "evaluation"});
    }
    case TaskKind::kTrain:
      break;
  }
  if (asynchronous()) {
    std::erase_if(sites, [&turns](const SiteName& site) { return !turns.free(site); });
    const std::size_t at_work = late_.size();
    const std::size_t most = policy.concurrency > 0 ? policy.concurrency : limits::kSitesMax;
    return select_cohort(policy.selection, std::move(sites), most > at_work ? most - at_work : 0,
                         draw, record_);
  }
  const std::size_t have = carried_sites();  // of this round already, from earlier attempts
  const std::size_t size = cohort_size(policy, sites.size() + have);
  // Where only the root is missing, nobody else need be.
  const std::optional<SiteName> root = root_for(kind);
  const std::size_t least = root && !carried_.contains(*root) ? 0 : 1;
  return with_root(kind, roster,
                   choose_least_failed(std::move(sites), size > have ? size - have : least, draw));
}

// By the job's rule, but first among those that were asked in vain least often for this round: a
// retry that asks the same sites again comes to the same end.
std::vector<SiteName> JobMachine::choose_least_failed(std::vector<SiteName> sites,
                                                      std::size_t count, const Draw& draw) const {
  std::map<std::uint32_t, std::vector<SiteName>> groups;
  for (SiteName& site : sites) {
    const auto fell_short = record_.shortfalls.find(site);
    groups[fell_short == record_.shortfalls.end() ? 0 : fell_short->second].push_back(
        std::move(site));
  }
  std::vector<SiteName> chosen;
  for (auto& [times, group] : groups) {
    const std::vector<SiteName> more = select_cohort(spec_.rounds.selection, std::move(group),
                                                     count - chosen.size(), draw, record_);
    chosen.insert(chosen.end(), more.begin(), more.end());
  }
  std::ranges::sort(chosen);
  return chosen;
}

std::uint64_t JobMachine::weight_max() const {
  std::uint64_t largest = 1;
  for (const auto& [site, rows] : record_.rows) largest = std::max(largest, rows.training);
  return std::min(largest, spec_.aggregation.example_cap);
}

std::uint64_t JobMachine::weight_all() const {
  const std::uint64_t most = weight_max();
  std::uint64_t all = 0;
  for (const auto& [site, rows] : record_.rows) all += std::min(rows.training, most);
  return all;
}

std::size_t JobMachine::sites_needed(TaskKind kind) const {
  switch (kind) {
    case TaskKind::kPrepare:
      if (record_.dry_run) return 1;
      return std::max<std::size_t>(spec_.rounds.minimum_sites, sites_of_pass(spec_, quorum()));
    case TaskKind::kTrain:
      return std::max(spec_.rounds.minimum_sites, quorum());
    default:
      return 1;
  }
}

bool JobMachine::reopens(TaskKind kind) const {
  return kind == TaskKind::kTrain && record_.open_round == record_.round + 1 &&
         !record_.cohort.empty();
}

std::size_t JobMachine::carried_sites() const {
  const std::optional<SiteName> root = spec_.aggregation.root();
  return carried_.size() - (root ? carried_.count(*root) : 0);
}

// Of the sites that have the data none can do it, or the root cannot: asked again they would say
// the same.
std::string JobMachine::hopeless(TaskKind kind, const Roster& roster) const {
  const std::optional<SiteName> root = root_for(kind);
  if (root && unfit_.contains(*root) && !carried_.contains(*root)) return root_lacks(kind, roster);
  const bool nobody =
      !record_.rows.empty() && std::ranges::all_of(record_.rows, [this](const auto& entry) {
        return unfit_.contains(entry.first);
      });
  if (!nobody) return "";
  std::string why = "no site can " + std::string(task_kind_name(kind));
  for (const auto& [site, fault] : unfit_) why += "; " + site.value + ": " + fault;
  return why;
}

// True when the next phase can open. Otherwise the job waits, says for whom, and fails when the
// wait is over.
bool JobMachine::enough_sites(TimePoint now, TaskKind kind, const Roster& roster,
                              RoundEffects& out) {
  const std::size_t have = candidates(kind, roster).size() + carried_sites() + late_.size();
  const std::size_t need = sites_needed(kind);
  // A dry run is to tell who is missing, and not to wait.
  const std::string root_fault = record_.dry_run ? "" : root_lacks(kind, roster);
  if (have >= need && root_fault.empty()) {
    waiting_since_.reset();
    waiting_for_.clear();
    return true;
  }
  // Evaluation is worth having, not worth waiting for: with nobody to do it the job goes on without
  // figures.
  if (kind == TaskKind::kEvaluate) return true;
  if (const std::string why = hopeless(kind, roster); !why.empty()) {
    finish(now, JobState::kFailed, why, out);
    return false;
  }
  if (!waiting_since_) {
    waiting_since_ = now;
    alarm_at_ = now + Milliseconds(spec_.rounds.alarm_after_ms);
  }
  report_waiting(now, kind, have, roster, out);
  if (now >= *waiting_since_ + Milliseconds(spec_.rounds.wait_for_sites_ms)) {
    const std::string away = missing_sites(roster);
    const std::string spent = kind == TaskKind::kTrain
                                  ? why_not_in_pass(record_, spec_)
                                  : why_pass_is_too_long(spec_, have, 0, quorum());
    finish(now, JobState::kFailed,
           "waited " + std::to_string(spec_.rounds.wait_for_sites_ms / 1000) + " s for " +
               std::to_string(need) + " sites with dataset '" + spec_.data.dataset + "', " +
               std::to_string(have) + " were there" + (away.empty() ? "" : "; away: " + away) +
               (spent.empty() ? "" : "; " + spent) + (root_fault.empty() ? "" : "; " + root_fault),
           out);
  }
  return false;
}

bool JobMachine::all_back(TimePoint now, TaskKind kind, const Roster& roster) {
  if (!returning_until_) return true;
  std::vector<SiteName> sites;
  for (const auto& [site, rows] : record_.rows) {
    if (!roster.contains(site) && !barred_.contains(site)) sites.push_back(site);
  }
  std::string away = joined(sites);
  if (kind == TaskKind::kEvaluate && spec_.evaluation.by_evaluators)
    away = candidates(kind, roster).empty() ? "evaluators" : "";
  if (!away.empty() && now < *returning_until_) {
    waiting_for_ = "waits after a restart for those who come back: " + away;
    return false;
  }
  returning_until_.reset();
  waiting_for_.clear();
  return true;
}

// Where the phase fell short because a site's policy does not let the job run yet, no attempt is
// lost: the job goes on without that site, or waits for it.
bool JobMachine::postpone(TimePoint now, const std::string& why, RoundEffects& out) {
  if (phase_->with(Reason::kPolicyPending).empty()) return false;
  const std::pair here(record_.state, record_.round);
  if (postponed_.first != here) postponed_ = {here, now};
  if (now >= postponed_.second + Milliseconds(spec_.rounds.wait_for_sites_ms)) {
    finish(now, JobState::kFailed, why, out);
    return true;
  }
  const TaskKey key = phase_->key();
  out.push_back(Report{"round.postponed",
                       {{"job", record_.id.value},
                        {"round", std::int64_t{key.round}},
                        {"task", std::string(task_kind_name(key.kind))},
                        {"attempt", std::int64_t{record_.attempt}},
                        {"reason", why}}});
  out.push_back(SaveRound{record_.id, round_row(now, "postponed: " + why)});
  if (key.kind == TaskKind::kTrain) keep_accepted();
  phase_.reset();
  record_.open_round = 0;
  record_.cohort.clear();
  save(out);
  return true;
}

// Other jobs end their phases by deadlines of their own, so this wait needs none.
void JobMachine::wait_for_turn(std::vector<SiteName> sites, const SiteTurns& turns) {
  std::erase_if(sites, [&turns](const SiteName& site) { return turns.free(site); });
  waiting_for_ = "waits for its turn at sites that work for other jobs: " + joined(sites);
}

}  // namespace tributary
