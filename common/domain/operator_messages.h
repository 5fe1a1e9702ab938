// SPDX-License-Identifier: Apache-2.0
// What an operator asks of the coordinator and what it answers: each request has one reply, or
// RequestFailed. Plain values, any thread. RoundRow and ParticipantRow are also what the state
// store keeps of a round.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/domain/data_plan.h"
#include "common/domain/figures.h"
#include "common/domain/round_policy.h"
#include "common/domain/task.h"

namespace tributary {

struct SubmitJob {
  std::string document;
  std::string token;
  BlobRef model_file;
  bool dry_run = false;  // asks each site whether it could, and trains nothing
  JobId clone_of = {};   // instead of a document: the same file, and module, as that job
  JobSignature signature = {};
};  // same token: same job
struct JobSubmitted {
  JobId job;
  bool existed = false;
};
struct ListJobs {
  std::uint32_t from = 0;
};  // the number of the first one wanted
struct JobSummary {
  JobId job;
  std::string name;
  std::string state;
  std::string detail;
  std::uint32_t round = 0;
  std::uint32_t rounds = 0;
  std::int64_t submitted_wall_ms = 0;
  std::optional<double> loss, accuracy, auc, f1;
  std::uint32_t best_round = 0;
  bool dry_run = false;
  JobChanges changes = {};                     // by operators, since it was submitted
  std::optional<double> epsilon = {};          // of whole sites, spent so far
  std::map<std::string, double> figures = {};  // the others of the last evaluation
};
struct JobList {
  std::vector<JobSummary> jobs;
  std::uint32_t next = 0;  // to go on from; 0: that is all
};
// Where a page of a job's records begins. A round of many sites may be cut between two of them.
struct RecordPosition {
  std::uint32_t record = 0;
  std::uint32_t participant = 0;

  auto operator<=>(const RecordPosition&) const = default;
};
struct ShowJob {
  JobId job;
  RecordPosition from = {};
};
struct ParticipantRow {
  SiteName site;
  std::string kind;
  std::string reason;
  std::string detail;
  std::uint64_t bytes = 0;
  std::uint64_t examples = 0;
  double seconds = 0;
  double loss = 0;
  double norm = 0;
  std::optional<double> accuracy = {}, auc = {}, f1 = {};  // evaluate
  std::map<std::string, double> figures = {};              // evaluate: the others
};
// The outcome of a row that is no record yet: the phase that runs now.
inline constexpr std::string_view kUnderWay = "under way";

struct RoundRow {
  std::uint32_t round = 0;
  std::uint32_t attempt = 1;
  std::string task;
  std::string outcome;
  double seconds = 0;
  std::uint64_t examples = 0;
  double update_norm = 0;
  Digest model;
  std::optional<double> loss, accuracy, auc, f1;
  std::optional<SiteSpread> spread = {};  // evaluate: of the figure that the job is judged by
  std::vector<ParticipantRow> participants;
  // Where a job hides whole sites: what it has spent with this round's model, and the clip of the
  // updates that are in it.
  std::optional<double> epsilon = {}, clip = {};
  FigureTable figures = {};  // evaluate: all of them
};
// A line of the ledger of whole sites, one for each job that has spent of a dataset: so many rounds
// of Gaussian noise, each of all sites (no sampling is claimed), neighbours differ by one site that
// is there or not. Of a tree's noise, so many rounds in passes.
struct SiteSpending {
  std::string dataset;
  JobId job;
  std::uint32_t rounds = 0;
  double noise_multiplier = 0;
  double delta = 0;
  double epsilon = 0;                 // at that delta, by the RDP accountant
  double max_epsilon = 0;             // what the job may spend
  std::uint32_t rounds_per_pass = 0;  // of a tree each; 0: noise of its own in every round
  bool operator==(const SiteSpending&) const = default;
};
struct JobDetail {
  JobSummary summary;
  std::string document;  // in the first page only
  std::vector<RoundRow> rounds;
  RecordPosition next = {};     // where the next page begins; the very beginning: all is given
  BlobRef module = {};          // of the job's model, where it brings one; in the first page only
  JobSignature signature = {};  // of its submitter; in the first page only
  // Where the job hides whole sites, in the first page only: what has been spent of its dataset, by
  // all jobs, the last kSpendingsShown of them; and all of it together, at the job's delta.
  std::vector<SiteSpending> ledger = {};
  std::optional<double> dataset_epsilon = {};
};
inline constexpr std::size_t kSpendingsShown = 1'000;
struct AbortJob {
  JobId job;
  std::string why;
};
struct JobAborted {
  JobId job;
};
struct ChangeJob {
  JobId job;
  JobChanges changes;
};
struct JobChanged {
  JobId job;
};
struct GetStatus {
  std::uint32_t from = 0;
};  // the number of the first row wanted, jobs counted behind sites
struct SiteRow {
  SiteName site;
  bool online = false;
  std::string doing;
  std::int64_t last_seen_wall_ms = 0;
  std::string address;
  std::string software;
  std::vector<std::string> datasets;
  std::string kept_out = {};  // "disabled" or "revoked" by operators; empty: it may come
  std::string why = {};
};
enum class SiteAction { kEnable, kDisable, kRevoke };
struct ControlSite {
  SiteName site;
  SiteAction action = SiteAction::kDisable;
  std::string why;
};
struct SiteControlled {
  SiteName site;
  std::uint32_t certificates = 0;  // that were revoked
  bool was_on_link = false;
};
struct StatusReply {
  std::string software;
  std::int64_t uptime_ms = 0;
  std::vector<SiteRow> sites;
  std::vector<JobSummary> jobs;
  std::uint32_t next = 0;  // to go on from; 0: that is all
};
struct WatchJob {
  JobId job;
  RecordPosition from = {};
};  // answered by a JobDetail; the last page is followed by Event after Event until the job ends
struct Event {
  std::int64_t wall_ms = 0;
  std::string name;
  std::string json;
};  // a line of the event log
struct GetModel {
  JobId job;
  std::string which;
};  // best | last | N
struct ModelInfo {
  JobId job;
  std::uint32_t round = 0;
  BlobRef model;
  std::string document;  // the job's
  DataPlan plan;         // what its sites agreed on
};                       // then BlobRequest
struct RequestFailed {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

}  // namespace tributary
