// SPDX-License-Identifier: Apache-2.0
// Disk: a file system in memory that keeps the promises of FileSystem and no others: a crash takes
// what was not synced, in whole, in part, or torn, and the disk can be full. One thread.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <string>

#include "common/base/random_source.h"
#include "common/storage/file_system.h"

namespace tributary::sim {

class Disk final : public FileSystem {
 public:
  // Bytes it holds at most. May be less than it holds now: then nothing more fits.
  std::uint64_t capacity = std::numeric_limits<std::uint64_t>::max();

  // The machine stops: files are what they are when it comes up again. Nobody has one open.
  void crash(RandomSource& random);
  std::uint64_t used() const;
  std::size_t files() const { return files_.size(); }

  Status make_directories(const std::string& path) override;
  Result<Bytes> read(const std::string& path, std::uint64_t bytes_max) override;
  Status write_durably(const std::string& path, ByteView bytes) override;
  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override;
  Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                  std::uint64_t size) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status link(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Result<std::uint64_t> file_size(const std::string& path) override;
  bool exists(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;

  struct Content {
    Bytes bytes;
    std::size_t synced = 0;   // bytes that a crash leaves
    bool was_synced = false;  // whether a crash leaves the file
  };
  Status append(Content& content, const std::string& path, ByteView bytes);

 private:
  std::map<std::string, std::shared_ptr<Content>> files_;
};

}  // namespace tributary::sim
