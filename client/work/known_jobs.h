// SPDX-License-Identifier: Apache-2.0
// KnownJobs: the jobs that a site has been asked for, and what a person decided about each, as
// files of one folder: ID.json, written by the daemon, and ID.decision, written by
// `tributary-client jobs`; so the two need no lock between them. ID.noted is the daemon's too: the
// decision that it has put into the site's audit log. At most kJobsKnownMax that nobody
// has denied; the oldest give way, those that somebody approved last. A denial stays for good. One
// thread a process at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/domain/task.h"
#include "common/storage/file_system.h"

namespace tributary {

struct KnownJob {
  JobId id;
  std::string submitter;  // empty: not signed
  std::int64_t first_seen_wall_ms = 0;
  Digest manifest;  // of common/trust: a decision is about this and nothing else
  BlobRef module;   // of a TorchScript job
  bool dry_run = false;
  std::string document;
  JobSignature signature = {};     // none: not signed
  std::int64_t asked_wall_ms = 0;  // when the coordinator last did, to the minute
};

enum class Decision { kNone, kApproved, kDenied };

// As it was made, for the record.
struct MadeDecision {
  JobId job;
  Decision decision = Decision::kNone;
  Digest manifest;           // of the job that it is about
  std::int64_t wall_ms = 0;  // when
  std::string who;           // the user of this machine
};

class KnownJobs {
 public:
  // Nothing is touched before it is needed. `files` outlives this.
  KnownJobs(FileSystem& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}

  Result<std::vector<KnownJob>> all() const;     // first seen first; without damaged ones
  Result<KnownJob> find(const JobId& id) const;  // kNotFound
  Status note(const KnownJob& job);
  // kDataLoss: there is one, and it cannot be read.
  Result<Decision> decision(const KnownJob& job) const;
  // Of now, by the user whose process this is.
  Status decide(const KnownJob& job, Decision decision, std::int64_t wall_ms = 0,
                const std::string& who = "");
  // Decisions that were not noted yet; the oldest first.
  Result<std::vector<MadeDecision>> fresh_decisions() const;
  Status note_decision(const MadeDecision& decision);

 private:
  Status make_room();
  Result<MadeDecision> made(const JobId& job, const char* ending) const;
  std::string path(const JobId& id, const char* ending) const {
    return directory_ + "/" + id.value + ending;
  }

  FileSystem* files_;
  std::string directory_;
};

}  // namespace tributary
