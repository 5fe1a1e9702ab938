// SPDX-License-Identifier: Apache-2.0
// Everything that can happen to the round engine. Plain values made by the driver, on the engine's
// thread. Events about a site carry its name; the transport has already proved it.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/base/ids.h"
#include "common/domain/task.h"
#include "coordinator/round/job_record.h"

namespace tributary {

struct SiteConnected {
  SiteName site;
  std::vector<std::string> datasets;
  bool evaluator = false;
};
// It was on the link in an earlier life of this coordinator.
struct SiteKnown {
  SiteName site;
  std::vector<std::string> datasets;
};
struct SiteDisconnected {
  SiteName site;
};
// Operators keep it out from now on: nobody waits for it, and nobody asks it for anything.
struct SiteBarred {
  SiteName site;
  std::string why;
};

// Operators let it in again; it has not come yet.
struct SiteAllowed {
  SiteName site;
};

struct JobArrived {
  JobRecord record;
  JobSpec spec;
};  // submitted, already durable; id and token are set
struct JobRecovered {
  JobRecord record;
  JobSpec spec;
  std::vector<AcceptedUpdate> accepted;
  std::vector<AcceptedUpdate> lost = {};  // those whose bytes are gone
};  // from the state store; after the last of them comes a TimePassed
struct JobAbortRequested {
  JobId job;
  std::string why;
  bool failed = false;  // it cannot go on, whatever anybody wants
};

struct JobChangeRequested {
  JobId job;
  JobChanges changes;
  std::string who;
};

struct SiteAcceptedTask {
  SiteName site;
  TaskKey key;
};
struct SiteProgressed {
  SiteName site;
  TaskKey key;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};
struct SiteReturned {
  SiteName site;
  TaskResult result;
};

// Answers to FetchUpdate, CheckUpdate, FetchInitialModel and FinishRound.
struct UpdateArrived {
  SiteName site;
  TaskKey key;
};
struct UpdateLost {
  SiteName site;
  TaskKey key;
  Reason reason = Reason::kUploadFailed;
  std::string detail;
};
struct UpdateChecked {
  SiteName site;
  TaskKey key;
  Reason reason = Reason::kAccepted;
  std::string detail;
  double norm = 0;
};
struct InitialModelStored {
  JobId job;
  BlobRef model;
};
struct InitialModelFailed {
  JobId job;
  SiteName site;
  Reason reason = Reason::kUploadFailed;
  std::string detail;
};
struct RoundFinished {
  JobId job;
  RoundNumber round = 0;
  BlobRef model;
  double update_norm = 0;
  std::uint64_t examples = 0;
  BlobRef delta = {};  // to `model`, from that of the round before; none: sites fetch it whole
  std::optional<SitesSpent> spent = {};  // with this model
};
struct RoundNotFinished {
  JobId job;
  RoundNumber round = 0;
  std::string detail;
  bool for_good = false;  // the same again would fail again
  bool lost = false;      // an accepted update is gone, and with it the sum
};

// Answers to MakeSum. `left`: whose part ended early, and why; in SumMade they are not in it.
struct SumMade {
  TaskKey key;
  std::vector<AcceptedUpdate> sums;  // the mean update of each group of sites, under its own name
  EvaluationCounts counts;
  std::map<SiteName, std::string> left;
  // In it, though they are not ready now: it was begun before a crash.
  std::vector<SiteName> also = {};
};
struct SumNotMade {
  TaskKey key;
  std::string detail;
  std::map<SiteName, std::string> left;
};

struct TimePassed {};  // at or after next_wake()

using RoundEvent = std::variant<SiteConnected, SiteKnown, SiteDisconnected, SiteBarred, SiteAllowed,
                                JobArrived, JobRecovered, JobAbortRequested, JobChangeRequested,
                                SiteAcceptedTask, SiteProgressed, SiteReturned, UpdateArrived,
                                UpdateLost, UpdateChecked, InitialModelStored, InitialModelFailed,
                                RoundFinished, RoundNotFinished, SumMade, SumNotMade, TimePassed>;

}  // namespace tributary
