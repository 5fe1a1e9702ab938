// SPDX-License-Identifier: Apache-2.0
// How work tells the site's log what happens, and the fields by which it names a task. Any thread.
#pragma once

#include <functional>

#include "common/domain/task.h"
#include "common/telemetry/events.h"

namespace tributary {

using WorkLog = std::function<void(const char* event, EventFields fields)>;  // of event_table.h

inline EventFields fields_of(const TaskKey& key) {
  return {{"job", key.job.value},
          {"round", std::int64_t{key.round}},
          {"attempt", std::int64_t{key.attempt}}};
}

}  // namespace tributary
