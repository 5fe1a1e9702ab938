// SPDX-License-Identifier: Apache-2.0
// GivenSums: in how many sums of a job that hides whole sites this site's input may be known to
// somebody, as one file: so that neither a coordinator that makes sums again nor a crash has it
// give more than the job's max_epsilon lets it. A sum counts from before its input leaves, whether
// or not it came about: once the input is out, others' shares may be enough. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/ids.h"
#include "common/domain/privacy_spec.h"
#include "common/storage/file_system.h"

namespace tributary {

class GivenSums {
 public:
  // Nothing is touched before it is needed. `files` outlives it.
  GivenSums(FileSystem& files, std::string path) : files_(&files), path_(std::move(path)) {}

  // 0 where there is none yet. kDataLoss: the file is damaged, and the site gives to no such sum
  // until somebody has looked at it; the error names it.
  Result<std::uint64_t> count(const JobId& job) const;
  // One more; durable when it returns.
  Status add(const JobId& job) const;

 private:
  Result<std::map<std::string, std::uint64_t>> all() const;

  FileSystem* files_;
  std::string path_;
};

// Whether one more sum after `given` leaves the site within the job's promise. kFailedPrecondition:
// it would not; the text has the figures. kInvalidArgument: no accountant takes such a noise.
Status permits_one_more(const SitePrivacy& promise, std::uint64_t given);

}  // namespace tributary
