// SPDX-License-Identifier: Apache-2.0
// ResultStore: finished results of a site on disk until their rounds are committed, one file each,
// whole or not there. One thread. It decides nothing about what is kept.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/domain/task.h"
#include "common/storage/file_system.h"

namespace tributary {

class ResultStore {
 public:
  static Result<ResultStore> open(FileSystem& files, std::string directory);

  Status keep(const TaskResult& result);
  Status forget(const TaskKey& key);
  // A file that cannot be read is removed and named in `damaged`: its task will be done again.
  Result<std::vector<TaskResult>> load(std::vector<std::string>& damaged);

 private:
  ResultStore(FileSystem& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}
  std::string path(const TaskKey& key) const;

  FileSystem* files_;
  std::string directory_;
};

}  // namespace tributary
