// SPDX-License-Identifier: Apache-2.0
// DirectoryLock: one process at a time in a state directory. Held as long as the object lives; the
// kernel lets go of it when the process ends, however it ends (flock(2) on the directory and
// DIRECTORY/lock). Any thread. Not for network file systems that do not keep locks.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"

namespace tributary {

class DirectoryLock {
 public:
  // The directory exists. kAlreadyExists, with the holder's process id, while another has it.
  static Result<std::unique_ptr<DirectoryLock>> acquire(const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  DirectoryLock(int descriptor, int folder) : descriptor_(descriptor), folder_(folder) {}
  int descriptor_;  // of the file, which says who has the lock
  int folder_;      // which nobody removes to be rid of a lock
};

}  // namespace tributary
