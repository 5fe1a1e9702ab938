// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/ledger/spending.h"

#include <algorithm>

#include "common/base/short_number.h"
#include "common/privacy/accounting/rdp.h"

namespace tributary {
namespace {

// Events that differ in nothing but their steps as one: rounds of a job mostly do not.
std::vector<DpEvent> joined(std::span<const LedgerEntry> entries) {
  std::vector<DpEvent> events;
  for (const LedgerEntry& entry : entries) {
    const auto same = std::ranges::find_if(events, [&entry](DpEvent event) {
      event.steps = entry.event.steps;
      return event == entry.event;
    });
    if (same == events.end()) {
      events.push_back(entry.event);
    } else {
      same->steps += entry.event.steps;
    }
  }
  return events;
}

}  // namespace

std::string spent_text(const DpBudget& spent) {
  return "epsilon " + short_number(spent.epsilon) + " at delta " + short_number(spent.delta);
}

Result<DpBudget> spent_by(std::span<const LedgerEntry> entries) {
  if (entries.empty()) return DpBudget{};
  RdpAccountant accountant(kRecordAdjacency);
  for (const DpEvent& event : joined(entries)) TRIB_CHECK_OK(accountant.add(event));
  const double delta = std::ranges::min(entries, {}, &LedgerEntry::delta).delta;
  return DpBudget{accountant.epsilon(delta).epsilon, delta};
}

std::vector<LedgerEntry> entries_of(const Ledger& ledger, const std::string& dataset) {
  std::vector<LedgerEntry> found;
  std::ranges::copy_if(ledger.entries, std::back_inserter(found),
                       [&](const LedgerEntry& entry) { return entry.dataset == dataset; });
  return found;
}

std::vector<LedgerEntry> entries_of(const Ledger& ledger, const std::string& dataset,
                                    const JobId& job) {
  std::vector<LedgerEntry> found = entries_of(ledger, dataset);
  std::erase_if(found, [&](const LedgerEntry& entry) { return entry.job != job; });
  return found;
}

Result<Spending> spending_with(const Ledger& ledger, const LedgerEntry& next) {
  std::vector<LedgerEntry> of_dataset = entries_of(ledger, next.dataset);
  std::vector<LedgerEntry> of_job = entries_of(ledger, next.dataset, next.job);
  of_dataset.push_back(next);
  of_job.push_back(next);
  TRIB_TRY(job, spent_by(of_job));
  TRIB_TRY(dataset, spent_by(of_dataset));
  return Spending{job, dataset};
}

BudgetFit fit_of(const Spending& spending, const EpsilonLimits& limits) {
  // Written so that what is no number does not fit.
  if (!(spending.job.epsilon <= limits.job)) return BudgetFit::kJobSpent;
  if (!(spending.dataset.epsilon <= limits.dataset)) return BudgetFit::kDatasetSpent;
  return BudgetFit::kFits;
}

}  // namespace tributary
