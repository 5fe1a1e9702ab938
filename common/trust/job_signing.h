// SPDX-License-Identifier: Apache-2.0
// A signed job: what its submitter signs, so that no coordinator can change the job on its way to a
// site, run it under another name, or make a training of a dry run. What operators may change later
// (rounds, quorum, deadline, priority) is not in it: a site's own policy bounds what that can do
// there. Plain functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/crypto/signing.h"
#include "common/domain/task.h"

namespace tributary {

// NAME-xxxxxxxx: the suffix comes from what was submitted, so that a repeated submit cannot make
// two jobs.
JobId job_id_of(const std::string& name, const std::string& token, const std::string& document);

// Everything that a site runs follows from this: the initial model too, which sites build from the
// document's seed.
struct JobManifest {
  JobId job;
  std::string_view document;
  Digest module;  // of a TorchScript job
  bool dry_run = false;
};
JobManifest manifest_of(const Task& task);
// Of the manifest as it is signed, and when: by it a site remembers what it decided about a job.
Digest digest_of(const JobManifest& manifest, std::int64_t signed_wall_ms);

Result<JobSignature> sign_job(const Signer& signer, const JobManifest& manifest,
                              std::int64_t wall_ms);
// Who submitted it. kUnauthenticated: not signed, not so, or not by an operator whose certificate
// is to be trusted, was valid at `unix_seconds` and has one of the `roles`.
Result<PeerIdentity> verify_job(const Trust& trust, const JobManifest& manifest,
                                const JobSignature& signature, std::int64_t unix_seconds,
                                const std::vector<std::string>& roles);

}  // namespace tributary
