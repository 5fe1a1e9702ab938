// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/site_privacy.h"

#include <algorithm>
#include <cstdio>

#include "common/privacy/accounting/calibration.h"
#include "common/privacy/accounting/rdp.h"

namespace tributary {
namespace {

constexpr Adjacency kAdjacency = Adjacency::kAddOrRemoveOne;

// `rounds_per_pass`: of a tree each; 0: noise of its own in each round.
std::vector<DpEvent> rounds_of(double noise_multiplier, RoundNumber rounds,
                               std::uint32_t rounds_per_pass) {
  if (rounds == 0) return {};
  if (rounds_per_pass > 0) return tree_events(noise_multiplier, rounds, rounds_per_pass);
  return {{DpMechanism::kGaussian, DpSampling::kEverything, 1.0, noise_multiplier, rounds}};
}

Result<double> cost_of(const SitePrivacy& promise, RoundNumber rounds) {
  return epsilon_of(rounds_of(promise.noise_multiplier, rounds, promise.rounds_per_pass),
                    kAdjacency, promise.delta, DpAccounting::kRdp);
}

std::string figure(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace

Result<SitesSpent> spent_after(const SitePrivacy& promise, RoundNumber rounds, double clip) {
  TRIB_TRY(epsilon, cost_of(promise, rounds));
  TRIB_TRY(with_next, cost_of(promise, rounds + 1));
  return SitesSpent{epsilon, with_next, clip};
}

Result<std::optional<SitesSpent>> spent_at_start(const JobSpec& spec) {
  if (!spec.privacy.sites) return std::optional<SitesSpent>();
  const SitePrivacy& promise = *spec.privacy.sites;
  TRIB_TRY(spent, spent_after(promise, 0, promise.clip));
  if (spent.with_next <= promise.max_epsilon) return std::optional(spent);
  std::string why = "privacy.sites: one round costs epsilon " + figure(spent.with_next) +
                    " at delta " + figure(promise.delta) + ", and max_epsilon is " +
                    figure(promise.max_epsilon);
  const auto enough =
      noise_for(rounds_of(promise.noise_multiplier, spec.rounds.rounds, promise.rounds_per_pass),
                kAdjacency, {promise.max_epsilon, promise.delta}, DpAccounting::kRdp);
  if (enough) {
    why += "; for all " + std::to_string(spec.rounds.rounds) +
           " rounds it takes noise_multiplier " + figure(*enough);
  }
  return make_error(ErrorCode::kInvalidArgument, std::move(why));
}

Result<double> epsilon_of_all(const std::vector<SiteSpending>& ledger, double delta) {
  std::vector<DpEvent> all;
  for (const SiteSpending& one : ledger) {
    const auto events = rounds_of(one.noise_multiplier, one.rounds, one.rounds_per_pass);
    all.insert(all.end(), events.begin(), events.end());
  }
  return epsilon_of(all, kAdjacency, delta, DpAccounting::kRdp);
}

}  // namespace tributary
