// SPDX-License-Identifier: Apache-2.0
#include "common/storage/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace tributary {

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::acquire(const std::string& directory) {
  const std::string path = directory + "/lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) return system_error(errno, "open " + path);
  const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DirectoryLock> lock(new DirectoryLock(descriptor, folder));
  if (folder < 0) return system_error(errno, "open " + directory);
  if (::flock(folder, LOCK_EX | LOCK_NB) != 0 || ::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error(errno, "lock " + path);
    char holder[32] = {};
    const ssize_t size = ::pread(descriptor, holder, sizeof holder - 1, 0);
    return make_error(ErrorCode::kAlreadyExists,
                      directory + " is in use by process " +
                          (size > 0 ? std::string(holder) : std::string("unknown")) +
                          "; stop it, or give this one a folder of its own");
  }
  // For the message above only: the lock holds without it, on a full disk too.
  const std::string own = std::to_string(::getpid());
  if (::ftruncate(descriptor, 0) == 0)
    static_cast<void>(::pwrite(descriptor, own.data(), own.size(), 0) > 0);
  return lock;
}

DirectoryLock::~DirectoryLock() {
  ::close(descriptor_);
  ::close(folder_);
}

}  // namespace tributary
