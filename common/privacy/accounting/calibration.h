// SPDX-License-Identifier: Apache-2.0
// How much noise a plan takes so that it stays within a budget. Any thread.
#pragma once

#include <vector>

#include "common/privacy/accounting/dp_event.h"

namespace tributary {

enum class DpAccounting { kRdp, kPld };

struct DpBudget {
  double epsilon = 0, delta = 0;
};

// What the events cost at `delta`.
Result<double> epsilon_of(const std::vector<DpEvent>& events, Adjacency adjacency, double delta,
                          DpAccounting accounting);

// The least noise multiplier, to one part in a thousand and never less than is needed, with which
// `plan` stays within `budget`; that of its events is not looked at. kInvalidArgument: the plan or
// the budget. kFailedPrecondition: no noise is enough.
Result<double> noise_for(std::vector<DpEvent> plan, Adjacency adjacency, const DpBudget& budget,
                         DpAccounting accounting);

}  // namespace tributary
