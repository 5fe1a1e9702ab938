// SPDX-License-Identifier: Apache-2.0
// What a site's session asks its driver to do. The driver carries the effects of one step out in
// their order; a KeepResult is durable before the next effect is begun (journal before act). On a
// full disk it is not, and the result is offered all the same: what a crash could lose is better
// than nothing. Plain values, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/error.h"
#include "common/domain/messages.h"
#include "common/domain/task.h"

namespace tributary::session {

// --- link ---
struct Dial {};  // answered by Connected, SentAway or Disconnected
struct Send {
  Message message;
};
struct CloseLink {
  Error reason;
};  // say why (Goodbye), then close; answered by Disconnected

// --- blobs ---
struct FetchBlob {
  BlobRef blob;
  ModelDelta delta = {};  // a shorter way to it; where that is none or fails, it is fetched whole
};  // answered by BlobArrived or BlobFailed of `blob`, unless the link goes down
struct DropBlob {
  Digest digest;
};  // nothing here needs it: stop fetching it, delete it

// --- work ---
struct StartTask {
  Task task;
};  // answered by TaskFinished; blobs are here; never two at a time
struct StopTask {
  TaskKey key;
};  // the running one; still answered by TaskFinished, soon

// --- durable ---
struct KeepResult {
  TaskResult result;
};
struct ForgetResult {
  TaskKey key;
};

// --- for people ---
using FieldValue = std::variant<std::string, std::int64_t, double, bool>;
struct Report {
  std::string event;
  std::vector<std::pair<std::string, FieldValue>> fields;
};

using SessionEffect = std::variant<Dial, Send, CloseLink, FetchBlob, DropBlob, StartTask, StopTask,
                                   KeepResult, ForgetResult, Report>;
using SessionEffects = std::vector<SessionEffect>;

}  // namespace tributary::session
