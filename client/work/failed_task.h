// SPDX-License-Identifier: Apache-2.0
// What a task that failed tells the coordinator, and what stays in the site's own log. Pure, any
// thread.
#pragma once

#include <string>

#include "client/work/job_gate.h"
#include "common/base/error.h"
#include "common/domain/task.h"

namespace tributary {

struct FailedTask {
  TaskKind kind;
  Reason reason;                    // what an error means where it happened
  bool has_module = false;          // code of others took part
  const std::string& local_detail;  // more than the error says; or empty
};

Refused told_of(const FailedTask& task, const Error& error);

}  // namespace tributary
