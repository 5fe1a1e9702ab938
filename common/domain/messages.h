// SPDX-License-Identifier: Apache-2.0
// Every control message of the wire as a plain struct; common/wire turns them to bytes and back. No
// message can carry a record: the only open-ended fields are names with limits, counts, and the
// job's document. Plain values, any thread.
//
// Blobs: whoever needs one asks for it (BlobRequest names a stream of the asker's choosing and the
// byte to start at); the other side answers BlobStart and chunk frames on that stream, or
// BlobRefused. Uploads and downloads are the same.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/domain/enrolment.h"
#include "common/domain/operator_messages.h"
#include "common/domain/secure_sum.h"
#include "common/domain/task.h"

namespace tributary {

// --- every link ---
struct Hello {
  std::uint32_t protocol_min = 1;
  std::uint32_t protocol_max = 1;
  std::string software;
  std::vector<std::string> datasets;
  std::string bearer = {};  // of an operator without a certificate: its single sign-on's token
};                          // client, operator or guest, first message
struct Welcome {
  std::uint32_t protocol = 1;
  std::string software;
  std::int64_t heartbeat_ms = 0;
  std::int64_t reconnect_spread_ms = 0;
};
struct Goodbye {
  ErrorCode code = ErrorCode::kCancelled;
  std::string message;
  std::int64_t retry_after_ms = 0;
};
struct Heartbeat {
  std::uint64_t sequence = 0;
  bool reply = false;
};

// --- blobs ---
struct BlobRequest {
  std::uint32_t stream = 0;
  Digest digest;
  std::uint64_t offset = 0;
};
struct BlobStart {
  std::uint32_t stream = 0;
  std::uint64_t total_bytes = 0;
};
struct BlobRefused {
  std::uint32_t stream = 0;
  std::string message;
};
struct BlobCancel {
  std::uint32_t stream = 0;
};  // the asker no longer wants it

// --- tasks: coordinator to site ---
struct TaskOffer {
  Task task;
};
struct TaskCancel {
  TaskKey key;
  Reason reason = Reason::kNotNeeded;
};
struct TaskVerdict {
  TaskKey key;
  Reason reason = Reason::kAccepted;
  std::string detail;
};
struct RoundCommitted {
  JobId job;
  RoundNumber round = 0;
};  // the site may forget its update
// --- tasks: site to coordinator ---
struct TaskAccepted {
  TaskKey key;
};
struct TaskProgress {
  TaskKey key;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};  // batches
// and TaskResult (task.h), sent again after a reconnect until a TaskVerdict or TaskCancel answers
// it. SumRequest and SumAnswer: secure_sum.h.

// --- audit (RFC 6962; signatures as common/crypto/signing.h makes them) ---
struct AuditHead {
  std::uint64_t size = 0;  // records of the coordinator's audit log
  Digest root;
  std::int64_t at_ms = 0;
  std::string certificates;
  std::string signature;
  std::vector<Digest> proof;  // from the head that the site keeps
};                            // coordinator to site
struct AuditCountersignature {
  std::uint64_t size = 0;  // of the head that the site keeps; 0: none
  Digest root;
  std::int64_t at_ms = 0;
  std::int64_t countersigned_ms = 0;
  std::string certificates;
  std::string signature;
};  // site to coordinator, first on each link and for each new head

using Message =
    std::variant<Hello, Welcome, Goodbye, Heartbeat, BlobRequest, BlobStart, BlobRefused,
                 BlobCancel, TaskOffer, TaskCancel, TaskVerdict, RoundCommitted, TaskAccepted,
                 TaskProgress, TaskResult, SumRequest, SumAnswer, SubmitJob, JobSubmitted, ListJobs,
                 JobList, ShowJob, JobDetail, AbortJob, JobAborted, ChangeJob, JobChanged,
                 GetStatus, StatusReply, WatchJob, Event, GetModel, ModelInfo, RequestFailed,
                 ControlSite, SiteControlled, AuditHead, AuditCountersignature, GetRoot,
                 RootCertificate, Enrol, EnrolAnswer, RenewCertificate, TrustUpdate, InviteSite,
                 SiteInvited, ListEnrolments, EnrolmentList, DecideEnrolment, EnrolmentDecided>;

}  // namespace tributary
