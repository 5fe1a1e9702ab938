// SPDX-License-Identifier: Apache-2.0
// CarriedStore: what the trainings of a job leave at the site for the next one, as files of one
// folder: of each job what its last trained round left, and what that one began with, so that a
// training that is done again begins with the same. At most kJobsMax jobs; those that trained
// longest ago give way. One thread. What the parts mean is whose they are.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/storage/file_system.h"

namespace tributary {

// Values by what they are: "residual", "algorithm", "local", "personal".
using Carried = std::map<std::string, std::vector<float>>;

// Empty where it is missing or, with `size`, of another model.
std::vector<float> part_of(const Carried& carried, const char* name,
                           std::optional<std::size_t> size = {});
// No part where there are no values.
void put_part(Carried& carried, const char* name, std::vector<float> values);

class CarriedStore {
 public:
  static constexpr std::size_t kJobsMax = 8;

  // Nothing is touched before it is needed. `files` outlives the store.
  CarriedStore(FileSystem& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}

  // What the training of `round` left; nothing where there is none, or it is damaged. Fails where
  // files cannot be read.
  Result<Carried> after(const JobId& job, RoundNumber round) const;
  // The same of the last training up to `round`.
  Result<Carried> last(const JobId& job, RoundNumber round) const;
  // After `round`, which began with what `from` left; of other rounds of the job nothing stays.
  // Durable when it returns.
  Status keep(const JobId& job, RoundNumber round, RoundNumber from, const Carried& left);

 private:
  struct Entry;
  Result<std::vector<Entry>> entries() const;
  Result<Carried> read(const Entry* entry) const;

  FileSystem* files_;
  std::string directory_;
};

}  // namespace tributary
