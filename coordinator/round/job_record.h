// SPDX-License-Identifier: Apache-2.0
// What is durable of a job: enough to go on after kill -9 at any instant. Plain values, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
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

struct JobRecord {
  JobId id;
  std::string name;
  std::string token;  // submit token: the same token is the same job
  std::string document;
  BlobRef model_file;  // torchscript module; none otherwise
  std::int64_t submitted_wall_ms = 0;
  JobState state = JobState::kQueued;
  std::string detail;  // why it failed or was aborted
  DataPlan plan;
  std::map<SiteName, SiteRows> rows;  // of the sites that prepared
  RoundNumber round = 0;              // the last committed round
  BlobRef model;                      // the global model after it
  RoundNumber open_round = 0;         // the round under way: its tasks are out
  AttemptNumber attempt = 1;
  std::vector<SiteName> cohort;  // of the open round
  RoundNumber best_round = 0;
  std::optional<EvaluationFigures> best;
  std::optional<EvaluationFigures> last;  // of the last evaluated round
};

// An update that passed every check; folded exactly once, again after a restart from the stored
// blob.
struct AcceptedUpdate {
  TaskKey key;
  SiteName site;
  TrainResult result;
  double norm = 0.0;  // as we computed it
};

}  // namespace tributary
