// SPDX-License-Identifier: Apache-2.0
// FileSystem: files as a port, so that tests can fill the disk. Thread-safe. Paths are used as
// given; errors name the path and the system's reason, kResourceExhausted for a full disk. It does
// not lock files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tributary {

// A file that grows at its end. Closed by the destructor.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  virtual Status append(ByteView bytes) = 0;
  virtual Status sync() = 0;
};

// A file that is read anywhere. Thread-safe.
class ReadFile {
 public:
  virtual ~ReadFile() = default;
  virtual std::uint64_t size() const = 0;
  // Fills `into`; fails if the file ends before.
  virtual Status read_at(std::uint64_t offset, MutableByteView into) const = 0;
};

// For readers that know bytes at an offset and no files; it keeps the file open.
std::function<Status(std::uint64_t offset, MutableByteView into)> reader_of(
    std::unique_ptr<ReadFile> file);

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Status make_directories(const std::string& path) = 0;
  // The whole file, at most `bytes_max` (kResourceExhausted beyond). What is no regular file, a
  // pipe say, is kInvalidArgument here and for open().
  virtual Result<Bytes> read(const std::string& path, std::uint64_t bytes_max) = 0;
  // All or nothing: a temporary file beside it, fsync, rename, fsync of the directory.
  virtual Status write_durably(const std::string& path, ByteView bytes) = 0;
  // The same for a secret: from its first byte on its user alone may reach it. File systems that
  // have no users keep it as any other file.
  virtual Status write_private(const std::string& path, ByteView bytes) {
    return write_durably(path, bytes);
  }
  virtual Result<std::unique_ptr<ReadFile>> open(const std::string& path) = 0;
  // Opens or creates; cut to `size` bytes first (the file must have them).
  virtual Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                          std::uint64_t size) = 0;
  // Durable when it returns; replaces `to`.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  // Another name for the same bytes, durable when it returns. Fails where `to` is there, and on
  // file systems that know no such thing.
  virtual Status link(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;  // fine if it is not there
  virtual Result<std::uint64_t> file_size(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // names, sorted
};

enum class Durability {
  kFsync,  // what was promised survives a power failure
  kNone,   // for simulation, whose state nobody needs after a crash
};

// The machine's own.
std::unique_ptr<FileSystem> make_file_system(Durability durability = Durability::kFsync);

}  // namespace tributary
