// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/site_privacy.h"

#include <algorithm>
#include <cstdio>

#include "common/privacy/accounting/calibration.h"
#include "common/privacy/accounting/rdp.h"
#include "common/privacy/secagg/sum_plan.h"

namespace tributary {
namespace {

constexpr Adjacency kAdjacency = Adjacency::kAddOrRemoveOne;

// `pass_rounds` of a tree each: all trees that are full, and the one that is begun, in which a site
// may have taken part, too. 0: noise of its own in each round.
std::vector<DpEvent> rounds_of(double noise_multiplier, RoundNumber rounds,
                               std::uint32_t pass_rounds) {
  if (rounds == 0) return {};
  if (pass_rounds == 0)
    return {{DpMechanism::kGaussian, DpSampling::kEverything, 1.0, noise_multiplier, rounds}};
  DpEvent tree{DpMechanism::kTree, DpSampling::kEverything, 1.0, noise_multiplier, pass_rounds};
  std::vector<DpEvent> trees;
  tree.trees = rounds / pass_rounds;
  if (tree.trees > 0) trees.push_back(tree);
  tree.trees = 1;
  tree.steps = rounds % pass_rounds;
  if (tree.steps > 0) trees.push_back(tree);
  return trees;
}

std::uint32_t pass_rounds_of(const SitePrivacy& promise) {
  return promise.mechanism == SiteMechanism::kTree ? promise.pass_rounds : 0;
}

Result<double> cost_of(const SitePrivacy& promise, RoundNumber rounds) {
  return epsilon_of(rounds_of(promise.noise_multiplier, rounds, pass_rounds_of(promise)),
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

namespace {

// A round's sum is of as many sites as come: of the fewest, and of those that it is made for.
Status check_noise_of_sites(const JobSpec& spec) {
  const TaskKey key{JobId{""}, 1, 1, TaskKind::kTrain};
  if (!hides_sites(spec, key.kind)) return {};
  const std::uint64_t least = least_members(spec, key, 0);
  for (const std::uint64_t members : {least, std::max<std::uint64_t>(least, spec.rounds.target)}) {
    const auto fits = noisy_coding(spec, key, members, 1, spec.privacy.sites->clip);
    if (!fits) {
      return make_error(ErrorCode::kInvalidArgument,
                        "privacy.sites under secure_aggregation: " + fits.error().message);
    }
  }
  return {};
}

}  // namespace

Result<std::optional<SitesSpent>> spent_at_start(const JobSpec& spec) {
  if (!spec.privacy.sites) return std::optional<SitesSpent>();
  TRIB_CHECK_OK(check_noise_of_sites(spec));
  const SitePrivacy& promise = *spec.privacy.sites;
  TRIB_TRY(spent, spent_after(promise, 0, promise.clip));
  if (spent.with_next <= promise.max_epsilon) return std::optional(spent);
  std::string why = "privacy.sites: one round costs epsilon " + figure(spent.with_next) +
                    " at delta " + figure(promise.delta) + ", and max_epsilon is " +
                    figure(promise.max_epsilon);
  const auto enough =
      noise_for(rounds_of(promise.noise_multiplier, spec.rounds.rounds, pass_rounds_of(promise)),
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
    const auto events = rounds_of(one.noise_multiplier, one.rounds, one.pass_rounds);
    all.insert(all.end(), events.begin(), events.end());
  }
  return epsilon_of(all, kAdjacency, delta, DpAccounting::kRdp);
}

}  // namespace tributary
