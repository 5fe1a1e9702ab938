// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/selection.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "common/base/random_source.h"

namespace tributary {
namespace {

SeededRandom random_of(const Draw& draw) {
  std::uint64_t seed = derive_seed(draw.seed, draw.purpose, draw.round);
  seed = derive_seed(seed, "attempt", draw.attempt);
  return SeededRandom(draw.already > 0 ? derive_seed(seed, "already", draw.already) : seed);
}

std::vector<SiteName> first_by_name(std::vector<SiteName> sites, std::size_t count) {
  sites.resize(std::min(count, sites.size()));
  std::ranges::sort(sites);
  return sites;
}

// Without replacement, each next one with a chance in proportion to its weight: the smallest of
// exponentially distributed keys (Efraimidis and Spirakis 2006).
std::vector<SiteName> select_weighted(const std::vector<SiteName>& candidates, std::size_t count,
                                      const Draw& draw,
                                      const std::function<double(const SiteName&)>& weight) {
  SeededRandom random = random_of(draw);
  std::vector<std::pair<double, SiteName>> keys;
  for (const SiteName& site : candidates)
    keys.emplace_back(-std::log1p(-random.uniform()) / weight(site), site);
  std::ranges::sort(keys);
  std::vector<SiteName> sites;
  for (auto& [key, site] : keys) sites.push_back(std::move(site));
  return first_by_name(std::move(sites), count);
}

const SiteHistory& history_of(const JobRecord& record, const SiteName& site) {
  static const SiteHistory kNone;
  const auto found = record.history.find(site);
  return found == record.history.end() ? kNone : found->second;
}

std::int64_t median(std::vector<std::int64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Tasks a second. A site of which nothing is known counts as the fastest: it is tried soon.
std::function<double(const SiteName&)> speed_in(const JobRecord& record,
                                                const std::vector<SiteName>& candidates) {
  const auto speed = [&record](const SiteName& site) {
    const SiteHistory& history = history_of(record, site);
    return history.took_ms.empty()
               ? 0.0
               : 1000.0 / static_cast<double>(std::max<std::int64_t>(1, median(history.took_ms)));
  };
  double fastest = 0.0;
  for (const SiteName& site : candidates) fastest = std::max(fastest, speed(site));
  return [speed, fastest](const SiteName& site) {
    const double shown = speed(site);
    return shown > 0.0 ? shown : fastest > 0.0 ? fastest : 1.0;
  };
}

std::vector<SiteName> select_round_robin(std::vector<SiteName> candidates, std::size_t count,
                                         const Draw& draw, const JobRecord& record) {
  SeededRandom random = random_of(draw);
  random.shuffle(candidates);  // ties
  std::ranges::stable_sort(candidates, {},
                           [&](const SiteName& site) { return history_of(record, site).asked; });
  return first_by_name(std::move(candidates), count);
}

}  // namespace

std::size_t share_of(double fraction, std::size_t all) {
  // A fraction such as 0.1 is not exact in binary: 0.1 * 100 must be 10, not 11.
  constexpr double kSlack = 1e-9;
  const double wanted = std::ceil(fraction * static_cast<double>(all) - kSlack);
  return static_cast<std::size_t>(std::max(wanted, 1.0));
}

std::size_t cohort_size(const RoundPolicy& policy, std::size_t candidates) {
  if (policy.selection == SelectionRule::kAll) return candidates;
  const std::size_t wanted = policy.target > 0 ? share_of(policy.over_selection, policy.target)
                                               : share_of(policy.fraction, candidates);
  return std::min(std::max<std::size_t>({policy.minimum_sites, policy.quorum, wanted}), candidates);
}

std::vector<SiteName> select_uniform(std::vector<SiteName> candidates, std::size_t count,
                                     const Draw& draw) {
  SeededRandom random = random_of(draw);
  random.shuffle(candidates);
  return first_by_name(std::move(candidates), count);
}

std::vector<SiteName> select_cohort(SelectionRule rule, std::vector<SiteName> candidates,
                                    std::size_t count, const Draw& draw, const JobRecord& record) {
  switch (rule) {
    case SelectionRule::kAll:
    case SelectionRule::kUniform:
      return select_uniform(std::move(candidates), count, draw);
    case SelectionRule::kWeighted:
      return select_weighted(candidates, count, draw, [&record](const SiteName& site) {
        const auto rows = record.rows.find(site);
        return rows == record.rows.end()
                   ? 1.0
                   : static_cast<double>(std::max<std::uint64_t>(1, rows->second.training));
      });
    case SelectionRule::kFast:
      return select_weighted(candidates, count, draw, speed_in(record, candidates));
    case SelectionRule::kRoundRobin:
      return select_round_robin(std::move(candidates), count, draw, record);
  }
  return candidates;
}

Milliseconds deadline_for(const RoundPolicy& policy, const std::vector<SiteName>& cohort,
                          const std::map<SiteName, SiteHistory>& history) {
  const Milliseconds most(policy.deadline_ms);
  if (!policy.adaptive) return most;
  std::vector<std::int64_t> times;
  std::size_t known = 0;
  for (const SiteName& site : cohort) {
    const auto found = history.find(site);
    if (found == history.end() || found->second.took_ms.empty()) continue;
    ++known;
    times.insert(times.end(), found->second.took_ms.begin(), found->second.took_ms.end());
  }
  if (2 * known < cohort.size() || times.empty()) return most;
  const std::size_t rank = share_of(0.9, times.size()) - 1;
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(times.begin(), at, times.end());
  const double wanted = static_cast<double>(*at) * policy.adaptive->factor;
  const auto least = static_cast<double>(std::min(policy.adaptive->minimum_ms, policy.deadline_ms));
  return Milliseconds(static_cast<std::int64_t>(
      std::clamp(wanted, least, static_cast<double>(policy.deadline_ms))));
}

}  // namespace tributary
