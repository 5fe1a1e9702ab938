// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/privacy_command.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <set>
#include <sstream>

#include "client/daemon/site_rules.h"
#include "client/learning/record_privacy.h"
#include "client/work/record_budget.h"
#include "common/base/short_number.h"
#include "common/base/text.h"
#include "common/privacy/ledger/spending.h"
#include "common/storage/file_system.h"

namespace tributary {
namespace {

std::string left_of(double limit, double spent) {
  if (!std::isfinite(limit)) return "no limit";
  return short_number(std::max(0.0, limit - spent)) + " left of " + short_number(limit);
}

Status show_dataset(const Ledger& ledger, const std::string& dataset, const SitePolicy& policy) {
  const std::vector<LedgerEntry> all = entries_of(ledger, dataset);
  TRIB_TRY(spent, spent_by(all));
  std::cout << escaped(dataset) << "  spent " << spent_text(spent)
            << " (policy: " << left_of(policy.max_epsilon_total, spent.epsilon)
            << "), unit record, adjacency " << adjacency_name(kRecordAdjacency) << "\n";
  std::set<JobId> jobs;
  for (const LedgerEntry& entry : all) jobs.insert(entry.job);
  for (const JobId& job : jobs) {
    const std::vector<LedgerEntry> its = entries_of(ledger, dataset, job);
    TRIB_TRY(of_job, spent_by(its));
    std::cout << "  " << escaped(job.value) << "  " << spent_text(of_job) << ", " << its.size()
              << " trainings, the last " << format_utc(its.back().wall_ms) << "\n";
  }
  return {};
}

}  // namespace

Status show_privacy(const ClientConfig& config) {
  const auto files = make_file_system();
  const SystemClock clock;
  const PrivacyLedger file = ledger_of(config, *files, clock);
  TRIB_TRY(policy, read_site_policy(config.policy_file));
  TRIB_TRY(ledger, file.read());
  std::set<std::string> datasets;
  for (const LedgerEntry& entry : ledger.entries) datasets.insert(entry.dataset);
  for (const std::string& dataset : datasets) TRIB_CHECK_OK(show_dataset(ledger, dataset, policy));
  if (datasets.empty()) std::cout << "nothing is spent: no job with privacy.records has trained\n";
  return {};
}

std::string promise_of_records(const JobId& id, const JobSpec& job, const SitePolicy& policy,
                               const PrivacyLedger& ledger, std::uint64_t rows) {
  std::ostringstream out;
  const RecordPrivacy& records = *job.privacy.records;
  const DpEvent event = rows > 0 ? training_event(records, job.train, rows) : DpEvent{};
  out << "of records (DP-SGD): unit record, adjacency " << adjacency_name(kRecordAdjacency)
      << "\n             sampling " << sampling_name(event.sampling) << ", rate "
      << short_number(event.rate) << "; noise multiplier " << short_number(records.noise_multiplier)
      << ", clip " << short_number(records.clip) << "\n             ";
  const auto planned =
      rows > 0 ? planned_epsilon(job, rows) : make_error(ErrorCode::kNotFound, "no rows");
  if (planned) {
    out << "all " << job.rounds.rounds << " rounds: " << spent_text({*planned, records.delta})
        << "; the job stops here at " << short_number(records.max_epsilon);
  } else {
    out << "what it would spend cannot be told: " << escaped(planned.error().message);
  }
  out << "\n             ";
  const auto read = ledger.read();
  const auto of_job = read ? spent_by(entries_of(*read, job.data.dataset, id)) : read.error();
  const auto of_all = read ? spent_by(entries_of(*read, job.data.dataset)) : read.error();
  if (of_job && of_all) {
    out << "ledger: the job " << left_of(records.max_epsilon, of_job->epsilon) << "; the dataset "
        << left_of(policy.max_epsilon_total, of_all->epsilon);
  } else {
    out << "the ledger cannot be read: "
        << escaped(read ? of_all.error().message : read.error().message);
  }
  out << "\n             rows that judge are counted as they are";
  if (!job.privacy.secure_aggregation)
    out << ", and no sum is masked: the coordinator sees this site's noisy update";
  return out.str();
}

}  // namespace tributary
