// SPDX-License-Identifier: Apache-2.0
#include "common/domain/task.h"

namespace tributary {

std::string_view task_kind_name(TaskKind kind) {
  switch (kind) {
    case TaskKind::kPrepare:
      return "prepare";
    case TaskKind::kInitialize:
      return "initialize";
    case TaskKind::kTrain:
      return "train";
    case TaskKind::kEvaluate:
      return "evaluate";
  }
  return "unknown";
}

std::string to_string(const TaskKey& key) {
  return key.job.value + "/round " + std::to_string(key.round) + "/attempt " +
         std::to_string(key.attempt) + "/" + std::string(task_kind_name(key.kind));
}

bool summed_secretly(const JobSpec& spec, TaskKind kind) {
  if (!spec.privacy.secure_aggregation) return false;
  return kind == TaskKind::kTrain ||
         (kind == TaskKind::kEvaluate && !spec.evaluation.by_evaluators);
}

std::int64_t least_sites_of(const RoundPolicy& rounds) {
  if (rounds.quorum > 0) return rounds.quorum;
  if (rounds.target > 0) return rounds.target;
  // An asynchronous job without a target closes a round with whoever was free.
  return rounds.mode == RoundMode::kAsync ? 1 : rounds.minimum_sites;
}

}  // namespace tributary
