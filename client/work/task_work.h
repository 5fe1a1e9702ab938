// SPDX-License-Identifier: Apache-2.0
// What TaskRunner knows of the task that it carries out; inside this room only.
#pragma once

#include "client/work/task_runner.h"

namespace tributary {

struct TaskRunner::Work {
  const Task& task;
  const JobSpec& job;
  const SitePolicy& policy;
  const std::function<bool()>& should_stop;
  const std::function<void(std::uint64_t, std::uint64_t)>& progress;
  mutable Bytes module_file = {};  // empty where the job has none
  mutable std::string local_detail = {};
  mutable Reason reason = Reason::kTrainingFailed;  // what an error means here
};

}  // namespace tributary
