// SPDX-License-Identifier: Apache-2.0
// What the round engine asks its driver to do. The driver carries out the effects of one step in
// their order and makes every Save* of the step durable, in one transaction, before it carries out
// any other (journal before act).
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/ids.h"
#include "common/domain/messages.h"
#include "common/domain/operator_messages.h"
#include "common/domain/task.h"
#include "coordinator/round/job_record.h"

namespace tributary {

// --- durable records ---
struct SaveJob {
  JobRecord record;
};
struct SaveAccepted {
  AcceptedUpdate update;
};
struct DropAccepted {
  JobId job;
  RoundNumber into = 0;
  SiteName site;
};  // its bytes are gone: it is asked of its site again, which keeps it until the round is
    // committed
struct SaveRound {
  JobId job;
  RoundRow row;
};  // outcome of one attempt, with each participant and its reason
struct SaveSpending {
  SiteSpending spending;
};  // of a dataset, by a job: takes the place of what was kept of both
struct ForgetAccepted {
  JobId job;
};  // the round they belong to is committed

// --- to sites ---
struct SendTask {
  SiteName site;
  Task task;
};
struct SendCancel {
  SiteName site;
  TaskKey key;
  Reason reason = Reason::kNotNeeded;
};
struct SendVerdict {
  SiteName site;
  TaskKey key;
  Reason reason = Reason::kAccepted;
  std::string detail;
};
struct SendCommitted {
  SiteName site;
  JobId job;
  RoundNumber round = 0;
};

// --- bulk and arithmetic, each answered by an event ---
struct FetchUpdate {
  SiteName site;
  TaskKey key;
  BlobRef update;
};  // UpdateArrived or UpdateLost
struct CheckUpdate {
  SiteName site;
  TaskKey key;
  TrainResult result;
};  // UpdateChecked
struct AbsorbUpdate {
  AcceptedUpdate update;
  std::uint64_t weight_max = 0;  // no update of the job weighs more; the same for all of them
  std::uint64_t weight_all = 0;  // what all sites that prepared weigh together; likewise
  double clip = 0.0;             // of the round, where the job hides whole sites
};                               // into the job's accumulator; not answered
// The sum of what these sites have ready, which nobody is to see the parts of: of their updates
// (kTrain) or counts (kEvaluate). SumMade or SumNotMade.
struct MakeSum {
  TaskKey key;
  std::vector<SiteName> sites;
  BlobRef model;            // that they trained from, or judged
  std::uint32_t least = 0;  // of how many sites a sum is made at least
  double clip = 0.0;        // of the round's updates, where the job hides whole sites
};
struct FetchInitialModel {
  JobId job;
  SiteName site;
  BlobRef model;
};  // InitialModelStored or InitialModelFailed
struct FinishRound {
  JobId job;
  RoundNumber round = 0;
};  // RoundFinished or RoundNotFinished
struct CloseJob {
  JobId job;
};                       // drop what is held in memory and spool for it
struct ReleaseBlobs {};  // one that was wanted no longer is: what no job has a use for may go

// --- for people ---
using FieldValue = std::variant<std::string, std::int64_t, double, bool>;
struct Report {
  std::string event;
  std::vector<std::pair<std::string, FieldValue>> fields;
};

using RoundEffect = std::variant<SaveJob, SaveAccepted, DropAccepted, SaveRound, SaveSpending,
                                 ForgetAccepted, SendTask, SendCancel, SendVerdict, SendCommitted,
                                 FetchUpdate, CheckUpdate, AbsorbUpdate, MakeSum, FetchInitialModel,
                                 FinishRound, CloseJob, ReleaseBlobs, Report>;
using RoundEffects = std::vector<RoundEffect>;

}  // namespace tributary
