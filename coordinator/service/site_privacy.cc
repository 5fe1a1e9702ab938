// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/site_privacy.h"

#include <cstdio>

#include "common/privacy/accounting/calibration.h"
#include "common/privacy/accounting/rdp.h"

namespace tributary {
namespace {

constexpr Adjacency kAdjacency = Adjacency::kAddOrRemoveOne;

DpEvent rounds_of(double noise_multiplier, RoundNumber rounds) {
  return {DpMechanism::kGaussian, DpSampling::kEverything, 1.0, noise_multiplier, rounds};
}

Result<double> cost_of(const SitePrivacy& promise, RoundNumber rounds) {
  if (rounds == 0) return 0.0;
  RdpAccountant accountant(kAdjacency);
  TRIB_CHECK_OK(accountant.add(rounds_of(promise.noise_multiplier, rounds)));
  return accountant.epsilon(promise.delta).epsilon;
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
      noise_for({rounds_of(promise.noise_multiplier, spec.rounds.rounds)}, kAdjacency,
                {promise.max_epsilon, promise.delta}, DpAccounting::kRdp);
  if (enough) {
    why += "; for all " + std::to_string(spec.rounds.rounds) +
           " rounds it takes noise_multiplier " + figure(*enough);
  }
  return make_error(ErrorCode::kInvalidArgument, std::move(why));
}

Result<double> epsilon_of_all(const std::vector<SiteSpending>& ledger, double delta) {
  RdpAccountant accountant(kAdjacency);
  for (const SiteSpending& one : ledger) {
    if (one.rounds > 0) TRIB_CHECK_OK(accountant.add(rounds_of(one.noise_multiplier, one.rounds)));
  }
  return accountant.epsilon(delta).epsilon;
}

}  // namespace tributary
