// SPDX-License-Identifier: Apache-2.0
// Everything that can happen to a site's session. Plain values made by the driver, on the session's
// thread.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "common/base/error.h"
#include "common/domain/messages.h"
#include "common/domain/task.h"

namespace tributary::session {

struct Recovered {
  std::vector<TaskResult> results;  // kept by an earlier life
  std::vector<Digest> blobs;        // all that it left, whole or in part
};                                  // before Start
struct Start {};
struct Stop {};  // for good: the process is to end

struct Connected {
  std::int64_t reconnect_spread_ms = 0;  // the Welcome's
};                                       // Hello and Welcome are done
struct SentAway {
  Goodbye goodbye;
};  // the coordinator answered Hello with it; there is no link
struct Disconnected {
  Error error;
};  // also: the dial failed
struct MessageReceived {
  Message message;
};  // any but the blob messages, which are the transfers'

// Answers to FetchBlob; BlobArrived comes at once if the blob is here already.
struct BlobArrived {
  Digest digest;
};
struct BlobFailed {
  Digest digest;
  Error error;
};  // given up; not for a link that went down

struct TaskProgressed {
  TaskKey key;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};
struct TaskFinished {
  TaskResult result;
};  // answers StartTask, stopped or not; blob durable

struct TimePassed {};  // at or after next_wake()

using SessionEvent =
    std::variant<Recovered, Start, Stop, Connected, SentAway, Disconnected, MessageReceived,
                 BlobArrived, BlobFailed, TaskProgressed, TaskFinished, TimePassed>;

}  // namespace tributary::session
