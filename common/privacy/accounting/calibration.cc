// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/accounting/calibration.h"

#include <algorithm>
#include <cmath>

#include "common/privacy/accounting/pld.h"
#include "common/privacy/accounting/rdp.h"

namespace tributary {
namespace {

constexpr double kClose = 1e-3;

Status check(const DpBudget& budget) {
  if (!(budget.epsilon > 0) || !std::isfinite(budget.epsilon))
    return make_error(ErrorCode::kInvalidArgument, "epsilon is a number greater than 0");
  if (!(budget.delta > 0) || !(budget.delta < 1))
    return make_error(ErrorCode::kInvalidArgument, "delta is a number between 0 and 1");
  return {};
}

}  // namespace

Result<double> epsilon_of(const std::vector<DpEvent>& events, Adjacency adjacency, double delta,
                          DpAccounting accounting) {
  TRIB_CHECK_OK(check({1, delta}));
  if (accounting == DpAccounting::kPld) {
    PldAccountant accountant(adjacency);
    for (const DpEvent& event : events) TRIB_CHECK_OK(accountant.add(event));
    return accountant.epsilon(delta);
  }
  RdpAccountant accountant(adjacency);
  for (const DpEvent& event : events) TRIB_CHECK_OK(accountant.add(event));
  return accountant.epsilon(delta).epsilon;
}

Result<double> noise_for(std::vector<DpEvent> plan, Adjacency adjacency, const DpBudget& budget,
                         DpAccounting accounting) {
  TRIB_CHECK_OK(check(budget));
  const auto enough = [&](double noise) -> Result<bool> {
    for (DpEvent& event : plan) event.noise_multiplier = noise;
    const auto spent = epsilon_of(plan, adjacency, budget.delta, accounting);
    // So little noise that the bound's arithmetic ends is not enough either.
    if (!spent && spent.error().code == ErrorCode::kFailedPrecondition) return false;
    if (!spent) return spent.error();
    return *spent <= budget.epsilon;
  };
  // What is enough by the cheap bound is enough by the tight one.
  double high = 1;
  if (accounting == DpAccounting::kPld) {
    TRIB_TRY(by_rdp, noise_for(plan, adjacency, budget, DpAccounting::kRdp));
    high = by_rdp;
  }
  for (;;) {
    TRIB_TRY(will_do, enough(high));
    if (will_do) break;
    if (high >= kNoiseMultiplierMax / 2)
      return make_error(ErrorCode::kFailedPrecondition, "no noise multiplier is enough for that");
    high *= 2;
  }
  double low = high;
  for (;;) {
    low = std::max(low / 2, kNoiseMultiplierMin);
    TRIB_TRY(will_do, enough(low));
    if (!will_do) break;
    if (low == kNoiseMultiplierMin) return low;
    high = low;
  }
  while (high / low > 1 + kClose) {
    const double middle = std::sqrt(low * high);
    TRIB_TRY(will_do, enough(middle));
    (will_do ? high : low) = middle;
  }
  return high;
}

}  // namespace tributary
