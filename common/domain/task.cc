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

}  // namespace tributary
