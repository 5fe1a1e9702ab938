// SPDX-License-Identifier: Apache-2.0
// CheckpointStore: where one training of this site stands, in one file: DIRECTORY/training. It is
// whole or not there, and bound to what the training is made of. One thread. It does not decide
// when one is written, and knows no task.
#pragma once

#include <string>

#include "client/learning/learner.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/storage/file_system.h"

namespace tributary {

class CheckpointStore {
 public:
  // Nothing is touched before it is needed. `files` outlives the store.
  CheckpointStore(FileSystem& files, std::string directory)
      : files_(&files), directory_(std::move(directory)), path_(directory_ + "/training") {}

  bool empty() const { return !files_->exists(path_); }
  // In place of what was there; on failure that stays. `binding` is the digest of all that the
  // training's bits follow from.
  Status keep(const Digest& binding, TrainingState state);
  // kNotFound: none, or one of another binding or version; other errors: it cannot be read or is
  // damaged. What is not given out is removed.
  Result<TrainingState> load(const Digest& binding);
  Status remove();

 private:
  FileSystem* files_;
  std::string directory_;
  std::string path_;
};

}  // namespace tributary
