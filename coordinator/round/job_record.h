// SPDX-License-Identifier: Apache-2.0
// What is durable of a job: enough to go on after kill -9 at any instant. Plain values, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/domain/data_plan.h"
#include "common/domain/evaluation.h"
#include "common/domain/task.h"

namespace tributary {

enum class JobState {
  kQueued,
  kPreparing,
  kInitializing,
  kTraining,
  kEvaluating,
  kFinished,
  kFailed,
  kAborted
};
std::string_view job_state_name(JobState state);
std::optional<JobState> job_state_from_name(std::string_view name);
inline bool is_over(JobState state) { return state >= JobState::kFinished; }

struct SiteRows {
  std::uint64_t training = 0;
  std::uint64_t validation = 0;
  bool operator==(const SiteRows&) const = default;
};

// What a site has done for a job, from which later rounds choose sites and deadlines.
struct SiteHistory {
  std::uint32_t asked = 0;            // to train
  std::uint32_t accepted = 0;         // updates
  std::vector<std::int64_t> took_ms;  // the last kTimesKept trainings, oldest first; those that
                                      // were given up count as long as they were waited for
  RoundNumber counted = 0;            // the round of its last update that was accepted; 0: none
  RoundNumber counted_before = 0;     // of the one before, for when that one is lost
  void count(RoundNumber round) {
    if (counted != round) counted_before = std::exchange(counted, round);
  }
  void note_time(Milliseconds took) {
    if (took_ms.size() >= limits::kTimesKept) took_ms.erase(took_ms.begin());
    took_ms.push_back(took.count());
  }
  bool operator==(const SiteHistory&) const = default;
};

// A site that still works on an update of an earlier round, which will count when it comes.
struct LateTask {
  RoundNumber round = 0;
  AttemptNumber attempt = 1;
  BlobRef model;  // the global model it started from
  bool operator==(const LateTask&) const = default;
};

// Where a job hides whole sites: what its committed models have cost, what one more would make of
// it, and the clip of that one's updates. Arithmetic of others; here it is kept and compared.
struct SitesSpent {
  double epsilon = 0.0;
  double with_next = 0.0;
  double clip = 0.0;
  bool operator==(const SitesSpent&) const = default;
};

struct JobRecord {
  JobId id;
  std::string name;
  std::string token;  // submit token: the same token is the same job
  std::string document;
  BlobRef model_file;      // torchscript module; none otherwise
  JobSignature signature;  // of whoever submitted it
  std::int64_t submitted_wall_ms = 0;
  JobState state = JobState::kQueued;
  std::string detail;  // why it failed or was aborted
  DataPlan plan;
  std::map<SiteName, SiteRows> rows;  // of the sites that prepared
  RoundNumber round = 0;              // the last committed round
  BlobRef model;                      // the global model after it, in the file that sites are sent
  ModelDelta delta;                   // a shorter way to it; none: there is none
  RoundNumber open_round = 0;         // the round under way: its tasks are out
  AttemptNumber attempt = 1;
  std::vector<SiteName> cohort;  // of the open round
  // Of the open round: in how many of its attempts a site was asked in vain.
  std::map<SiteName, std::uint32_t> shortfalls;
  // Of how many updates the open round's model is made at least, as sites were told whose updates
  // may be in it: operators cannot go below that any more.
  std::uint32_t promised_sites = 0;
  std::map<SiteName, LateTask> late;
  std::map<SiteName, SiteHistory> history;
  JobChanges changes;    // by operators, since it was submitted
  bool dry_run = false;  // only asks the sites whether they could
  RoundNumber best_round = 0;
  std::optional<EvaluationFigures> best;
  std::optional<double> best_value;       // the figure by which it is the best
  std::optional<EvaluationFigures> last;  // of the last evaluated round
  // For the early stop: the figure that was a gain last, and the evaluations since.
  std::optional<double> gained_value;
  std::uint32_t without_gain = 0;
  std::optional<SitesSpent> spent;  // none: the job hides no sites
};

// An update that passed every check; folded exactly once, again after a restart from the stored
// blob.
struct AcceptedUpdate {
  TaskKey key;
  SiteName site;
  RoundNumber into = 0;              // the round it is folded into: key.round, or a later one
  std::uint32_t share = kFullShare;  // of kFullShare: how much it counts
  TrainResult result;
  double norm = 0.0;       // as we computed it
  double next_clip = 0.0;  // of a sum in which sites hide: what its count makes of the clip
  std::uint64_t weight =
      0;  // of a sum: its sites' together; 0: what the rule makes of its examples
};

}  // namespace tributary
