// SPDX-License-Identifier: Apache-2.0
// ResidualStore: what the encodings of earlier rounds left out of a site's updates, to be added to
// the next one (error feedback), as files of one folder: a residual for the last trained round of
// each job and for the one it came from, so that a training that is done again starts from the
// same. At most kJobsMax jobs; those that trained longest ago give way. One thread.
#pragma once

#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/storage/file_system.h"
#include "common/tensor/layout.h"

namespace tributary {

class ResidualStore {
 public:
  static constexpr std::size_t kJobsMax = 8;

  // Nothing is touched before it is needed. `files` outlives the store.
  ResidualStore(FileSystem& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}

  // What was left out up to the last round that was kept before `round`; zeros where there is none,
  // or where what is there is damaged or of another layout: then only the encoding's loss is as if
  // there were no feedback. Fails where files cannot be read.
  Result<std::vector<float>> before(const JobId& job, RoundNumber round, const Layout& layout);
  // After `round`; durable when it returns.
  Status keep(const JobId& job, RoundNumber round, const Model& residual);

 private:
  struct Entry;
  Result<std::vector<Entry>> entries() const;

  FileSystem* files_;
  std::string directory_;
};

}  // namespace tributary
