// SPDX-License-Identifier: Apache-2.0
#include "common/storage/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

namespace tributary {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

constexpr mode_t kUsualMode = 0640, kPrivateMode = 0600;

Result<Descriptor> open_descriptor(const std::string& path, int flags, mode_t mode = kUsualMode) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return Descriptor(fd);
    if (errno != EINTR) return system_error(errno, "open " + path);
  }
}

Status write_all(int fd, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return system_error(errno, "write " + path);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Status read_all_at(int fd, std::uint64_t offset, MutableByteView into, const std::string& path) {
  while (!into.empty()) {
    const ssize_t got = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR) continue;
      return system_error(errno, "read " + path);
    }
    if (got == 0)
      return make_error(ErrorCode::kDataLoss, "read " + path + ": the file is shorter than it was");
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<std::uint64_t> size_of(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return system_error(errno, "stat " + path);
  return static_cast<std::uint64_t>(info.st_size);
}

// A pipe in the place of a file would be waited for.
Result<Descriptor> open_to_read(const std::string& path) {
  TRIB_TRY(fd, open_descriptor(path, O_RDONLY | O_NONBLOCK));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_error(errno, "stat " + path);
  if (!S_ISREG(info.st_mode))
    return make_error(ErrorCode::kInvalidArgument, path + " is no regular file");
  return fd;
}

Status sync_directory_of(const std::string& path) {
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  TRIB_TRY(fd, open_descriptor(directory, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return system_error(errno, "fsync " + directory);
  return {};
}

class PosixAppendFile final : public AppendFile {
 public:
  PosixAppendFile(Descriptor fd, std::string path, Durability durability)
      : fd_(std::move(fd)), path_(std::move(path)), durability_(durability) {}
  Status append(ByteView bytes) override { return write_all(fd_.get(), bytes, path_); }
  Status sync() override {
    if (durability_ == Durability::kNone) return {};
    if (::fsync(fd_.get()) != 0) return system_error(errno, "fsync " + path_);
    return {};
  }

 private:
  Descriptor fd_;
  std::string path_;
  Durability durability_;
};

class PosixReadFile final : public ReadFile {
 public:
  PosixReadFile(Descriptor fd, std::string path, std::uint64_t size)
      : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  Status read_at(std::uint64_t offset, MutableByteView into) const override {
    return read_all_at(fd_.get(), offset, into, path_);
  }

 private:
  Descriptor fd_;
  std::string path_;
  std::uint64_t size_;
};

class PosixFileSystem final : public FileSystem {
 public:
  explicit PosixFileSystem(Durability durability) : durability_(durability) {}

  Status make_directories(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return system_error(error.value(), "create directory " + path);
    return {};
  }

  Result<Bytes> read(const std::string& path, std::uint64_t bytes_max) override {
    TRIB_TRY(fd, open_to_read(path));
    TRIB_TRY(size, size_of(fd.get(), path));
    if (size > bytes_max) {
      return make_error(ErrorCode::kResourceExhausted,
                        path + " has " + std::to_string(size) + " bytes; at most " +
                            std::to_string(bytes_max) + " are allowed");
    }
    Bytes bytes(size);
    TRIB_CHECK_OK(read_all_at(fd.get(), 0, bytes, path));
    return bytes;
  }

  Status write_durably(const std::string& path, ByteView bytes) override {
    return replace(path, bytes, kUsualMode);
  }

  Status write_private(const std::string& path, ByteView bytes) override {
    return replace(path, bytes, kPrivateMode);
  }

  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override {
    TRIB_TRY(fd, open_to_read(path));
    TRIB_TRY(size, size_of(fd.get(), path));
    return std::unique_ptr<ReadFile>(std::make_unique<PosixReadFile>(std::move(fd), path, size));
  }

  Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                  std::uint64_t size) override {
    TRIB_TRY(fd, open_descriptor(path, O_WRONLY | O_CREAT | O_APPEND));
    TRIB_TRY(have, size_of(fd.get(), path));
    if (have < size) return make_error(ErrorCode::kDataLoss, path + " is shorter than it was");
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
      return system_error(errno, "truncate " + path);
    return std::unique_ptr<AppendFile>(
        std::make_unique<PosixAppendFile>(std::move(fd), path, durability_));
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      return system_error(errno, "rename " + from + " to " + to);
    if (durability_ == Durability::kNone) return {};
    return sync_directory_of(to);
  }

  Status link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0)
      return system_error(errno, "link " + from + " to " + to);
    if (durability_ == Durability::kNone) return {};
    return sync_directory_of(to);
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      return system_error(errno, "remove " + path);
    return {};
  }

  Result<std::uint64_t> file_size(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return system_error(errno, "stat " + path);
    return static_cast<std::uint64_t>(info.st_size);
  }

  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    std::error_code error;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
         at.increment(error)) {
      names.push_back(at->path().filename().string());
    }
    if (error) return system_error(error.value(), "list " + directory);
    std::ranges::sort(names);
    return names;
  }

 private:
  Status replace(const std::string& path, ByteView bytes, mode_t mode) {
    const std::string temporary = path + ".new";
    // What an earlier life left there would keep its own mode.
    if (mode == kPrivateMode) ::unlink(temporary.c_str());
    const Status written = write_and_sync(temporary, bytes, mode);
    if (!written) {
      ::unlink(temporary.c_str());
      return written;
    }
    return rename(temporary, path);
  }

  Status write_and_sync(const std::string& path, ByteView bytes, mode_t mode) const {
    TRIB_TRY(fd, open_descriptor(path, O_WRONLY | O_CREAT | O_TRUNC, mode));
    TRIB_CHECK_OK(write_all(fd.get(), bytes, path));
    if (durability_ == Durability::kNone) return {};
    if (::fsync(fd.get()) != 0) return system_error(errno, "fsync " + path);
    return {};
  }

  Durability durability_;
};

}  // namespace

std::function<Status(std::uint64_t offset, MutableByteView into)> reader_of(
    std::unique_ptr<ReadFile> file) {
  return [file = std::shared_ptr<const ReadFile>(std::move(file))](
             std::uint64_t offset, MutableByteView into) { return file->read_at(offset, into); };
}

std::unique_ptr<FileSystem> make_file_system(Durability durability) {
  return std::make_unique<PosixFileSystem>(durability);
}

}  // namespace tributary
