// SPDX-License-Identifier: Apache-2.0
// KeptSums: what the coordinator keeps of secure sums, from when it is certain whose inputs are in
// them, so that after a crash it goes on with those and no others:
//   DIRECTORY/JOB/sum-1.json   one sum: a line with the digest of the rest, then who is in it, with
//                              public keys, certificates and signatures, and the name of the blob
//                              that has the sum of the masked inputs, as one input travels
// It holds nothing that gives a sum by itself: shares of secrets are never written here. Called
// from one worker at a time per job. It does not keep the blobs: the blob store does.
#pragma once

#include <string>
#include <vector>

#include "common/domain/task.h"
#include "common/privacy/secagg/sum_snapshot.h"
#include "common/storage/file_system.h"

namespace tributary {

struct KeptSum {
  TaskKey key;    // under which the sites know it; a later attempt may take its outcome
  SiteName name;  // sum-1: under which its update is folded
  SumSnapshot snapshot;
  BlobRef inputs;
  bool operator==(const KeptSum&) const = default;
};

class KeptSums {
 public:
  // Nothing is touched before it is needed. `files` outlives it.
  KeptSums(FileSystem& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}

  bool any(const JobId& job) const;
  Status keep(const KeptSum& sum) const;  // durable when it returns; takes the place of its name's
  // In the order of their names. kDataLoss: one is damaged.
  Result<std::vector<KeptSum>> load(const JobId& job) const;
  Status forget(const JobId& job) const;

 private:
  std::string folder(const JobId& job) const { return directory_ + "/" + job.value; }
  std::vector<std::string> paths(const JobId& job) const;

  FileSystem* files_;
  std::string directory_;
};

}  // namespace tributary
