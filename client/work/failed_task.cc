// SPDX-License-Identifier: Apache-2.0
#include "client/work/failed_task.h"

namespace tributary {
namespace {

Reason reason_of(const FailedTask& task, ErrorCode code) {
  if (code == ErrorCode::kNotFound && task.reason == Reason::kDataInvalid)
    return Reason::kDatasetMissing;
  // A module that does what it may not; what the policy denies has its reason already.
  if (code == ErrorCode::kPermissionDenied && task.reason == Reason::kTrainingFailed)
    return Reason::kModelInvalid;
  return task.reason;
}

}  // namespace

Refused told_of(const FailedTask& task, const Error& error) {
  const Reason reason = reason_of(task, error.code);
  const std::string& detail = task.local_detail.empty() ? error.message : task.local_detail;
  // What the operating system says names paths of the site, which are nobody else's business.
  if (reason == Reason::kStorageFailed) {
    const bool full = error.code == ErrorCode::kResourceExhausted;
    return {reason, full ? "the site's disk is full" : "the site could not use its own files",
            detail};
  }
  // A module that has seen the rows may have written them into its last words.
  if (task.has_module && task.kind != TaskKind::kInitialize &&
      (reason == Reason::kTrainingFailed || reason == Reason::kModelInvalid)) {
    return {reason,
            "the module failed on the site's rows: " + std::string(error_code_name(error.code)),
            detail};
  }
  return {reason, error.message, detail};
}

}  // namespace tributary
