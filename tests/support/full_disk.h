// SPDX-License-Identifier: Apache-2.0
// FullDisk: a file system that takes so many bytes more and then says ENOSPC, also in the middle of
// a write, and counts how often files that grow are synced. Thread-safe.
#pragma once

#include <atomic>
#include <cerrno>
#include <limits>
#include <memory>
#include <new>

#include "common/storage/file_system.h"

namespace tributary {

class FullDisk final : public FileSystem {
 public:
  std::atomic<std::uint64_t> room{
      std::numeric_limits<std::uint64_t>::max()};  // bytes it still takes

  std::atomic<int> syncs{0};
  std::atomic<bool> no_memory{false};  // whoever opens or reads a file finds no memory for it
  std::atomic<bool> no_links{false};   // as on a file system that knows one name for a file
  // So many more reads of open files; then the disk fails.
  std::atomic<int> reads_left{std::numeric_limits<int>::max()};

  // So many more files are written or renamed; then the machine stops.
  std::atomic<int> changes_left{std::numeric_limits<int>::max()};

  Status make_directories(const std::string& path) override {
    return real_->make_directories(path);
  }
  Result<Bytes> read(const std::string& path, std::uint64_t bytes_max) override {
    if (no_memory) throw std::bad_alloc();
    return real_->read(path, bytes_max);
  }
  Status write_durably(const std::string& path, ByteView bytes) override {
    if (bytes.size() > room) return system_error(ENOSPC, "write " + path);
    if (changes_left-- <= 0) return system_error(EIO, "write " + path);
    room -= bytes.size();
    return real_->write_durably(path, bytes);
  }
  Status write_private(const std::string& path, ByteView bytes) override {
    if (bytes.size() > room) return system_error(ENOSPC, "write " + path);
    if (changes_left-- <= 0) return system_error(EIO, "write " + path);
    room -= bytes.size();
    return real_->write_private(path, bytes);
  }
  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override {
    if (no_memory) throw std::bad_alloc();
    TRIB_TRY(file, real_->open(path));
    return std::unique_ptr<ReadFile>(std::make_unique<Failing>(*this, std::move(file), path));
  }
  Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                  std::uint64_t size) override {
    TRIB_TRY(file, real_->open_append(path, size));
    return std::unique_ptr<AppendFile>(std::make_unique<Limited>(*this, std::move(file), path));
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (changes_left-- <= 0) return system_error(EIO, "rename " + from);
    return real_->rename(from, to);
  }
  Status link(const std::string& from, const std::string& to) override {
    if (no_links) return system_error(EPERM, "link " + from);
    return real_->link(from, to);
  }
  Status remove(const std::string& path) override { return real_->remove(path); }
  Result<std::uint64_t> file_size(const std::string& path) override {
    return real_->file_size(path);
  }
  bool exists(const std::string& path) override { return real_->exists(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return real_->list(directory);
  }

 private:
  class Failing final : public ReadFile {
   public:
    Failing(FullDisk& disk, std::unique_ptr<ReadFile> file, std::string path)
        : disk_(disk), file_(std::move(file)), path_(std::move(path)) {}
    std::uint64_t size() const override { return file_->size(); }
    Status read_at(std::uint64_t offset, MutableByteView into) const override {
      if (disk_.reads_left <= 0) return system_error(EIO, "read " + path_);
      --disk_.reads_left;
      return file_->read_at(offset, into);
    }

   private:
    FullDisk& disk_;
    std::unique_ptr<ReadFile> file_;
    std::string path_;
  };
  class Limited final : public AppendFile {
   public:
    Limited(FullDisk& disk, std::unique_ptr<AppendFile> file, std::string path)
        : disk_(disk), file_(std::move(file)), path_(std::move(path)) {}
    Status append(ByteView bytes) override {
      const std::size_t fits =
          static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), disk_.room));
      disk_.room -= fits;
      TRIB_CHECK_OK(file_->append(bytes.first(fits)));
      return fits == bytes.size() ? Status{} : system_error(ENOSPC, "write " + path_);
    }
    Status sync() override {
      ++disk_.syncs;
      return file_->sync();
    }

   private:
    FullDisk& disk_;
    std::unique_ptr<AppendFile> file_;
    std::string path_;
  };

  std::unique_ptr<FileSystem> real_ = make_file_system();
};

}  // namespace tributary
