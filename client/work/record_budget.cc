// SPDX-License-Identifier: Apache-2.0
#include "client/work/record_budget.h"

#include "client/learning/record_privacy.h"
#include "common/base/short_number.h"

namespace tributary {
Result<double> planned_epsilon(const JobSpec& job, std::uint64_t rows) {
  const RecordPrivacy& records = *job.privacy.records;
  DpEvent event = training_event(records, job.train, rows);
  event.steps *= job.rounds.rounds;
  return epsilon_of({event}, kRecordAdjacency, records.delta, DpAccounting::kRdp);
}

RecordBudget::RecordBudget(const Ports& ports, const Task& task, const JobSpec& job,
                           const SitePolicy& policy, std::uint64_t rows)
    : ports_(ports), task_(task), job_(job), policy_(policy) {
  const RecordPrivacy& records = *job.privacy.records;
  entry_.dataset = job.data.dataset;
  entry_.job = task.key.job;
  entry_.round = task.key.round;
  entry_.attempt = task.key.attempt;
  entry_.event = training_event(records, job.train, rows);
  entry_.delta = records.delta;
}

Result<Spending> RecordBudget::spending(std::string& local_detail) const {
  if (!ports_.ledger)
    return make_error(ErrorCode::kInternal, "this site keeps no ledger of what is spent");
  TRIB_TRY(ledger, ports_.ledger->read());
  TRIB_TRY(after, spending_with(ledger, entry_));
  const double limit = job_.privacy.records->max_epsilon;
  const std::string round = "with round " + std::to_string(task_.key.round) + " ";
  switch (fit_of(after, {limit, policy_.max_epsilon_total})) {
    case BudgetFit::kFits:
      return after;
    case BudgetFit::kJobSpent:
      local_detail = "privacy.records.max_epsilon is " + short_number(limit) + ", and " + round +
                     "the job would have spent " + spent_text(after.job);
      // How much that is follows from how many rows there are.
      return make_error(ErrorCode::kFailedPrecondition,
                        job_.privacy.secure_aggregation
                            ? "the job's privacy.records.max_epsilon is spent at this site"
                            : local_detail);
    case BudgetFit::kDatasetSpent:
      break;
  }
  local_detail = "policy.privacy.max_epsilon_total is " + short_number(policy_.max_epsilon_total) +
                 ", and " + round + "dataset '" + entry_.dataset + "' would have spent " +
                 spent_text(after.dataset);
  return make_error(ErrorCode::kFailedPrecondition,
                    "the site has no privacy budget left for another round on these records");
}

Status RecordBudget::check(std::string& local_detail) const {
  TRIB_TRY(after, spending(local_detail));
  static_cast<void>(after);
  return {};
}

Result<double> RecordBudget::debit(std::string& local_detail) {
  TRIB_TRY(after, spending(local_detail));
  TRIB_CHECK_OK(ports_.ledger->debit(entry_));
  EventFields fields = fields_of(task_.key);
  fields.emplace_back("dataset", entry_.dataset);
  fields.emplace_back("epsilon", after.job.epsilon);
  fields.emplace_back("delta", after.job.delta);
  fields.emplace_back("unit", std::string("record"));
  fields.emplace_back("adjacency", std::string(adjacency_name(kRecordAdjacency)));
  fields.emplace_back("sampling", std::string(sampling_name(entry_.event.sampling)));
  fields.emplace_back("dataset_epsilon", after.dataset.epsilon);
  fields.emplace_back("dataset_delta", after.dataset.delta);
  ports_.log("privacy.spent", std::move(fields));
  return after.job.epsilon;
}

}  // namespace tributary
