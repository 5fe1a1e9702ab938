// SPDX-License-Identifier: Apache-2.0
// What the entries of a ledger cost, and whether one more is within a budget. Computed anew from
// the events each time, by the RDP accountant. Pure, any thread.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "common/privacy/accounting/calibration.h"
#include "common/privacy/ledger/ledger_line.h"

namespace tributary {

std::string spent_text(const DpBudget& spent);  // "epsilon 1.2 at delta 1e-05"

// Of all of them together, at the least of their deltas; zeros where there are none.
Result<DpBudget> spent_by(std::span<const LedgerEntry> entries);

std::vector<LedgerEntry> entries_of(const Ledger& ledger, const std::string& dataset);
std::vector<LedgerEntry> entries_of(const Ledger& ledger, const std::string& dataset,
                                    const JobId& job);

struct EpsilonLimits {
  double job = std::numeric_limits<double>::infinity();      // of the entry's job at its dataset
  double dataset = std::numeric_limits<double>::infinity();  // of all jobs there
};

struct Spending {
  DpBudget job;      // at the job's delta
  DpBudget dataset;  // of all jobs, at the least of their deltas
};
// With `next` added. kInvalidArgument: its event.
Result<Spending> spending_with(const Ledger& ledger, const LedgerEntry& next);

enum class BudgetFit { kFits, kJobSpent, kDatasetSpent };
BudgetFit fit_of(const Spending& spending, const EpsilonLimits& limits);

}  // namespace tributary
