// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/disk.h"

#include <algorithm>
#include <cerrno>

namespace tributary::sim {
namespace {

class Reader final : public ReadFile {
 public:
  explicit Reader(std::shared_ptr<Disk::Content> content) : content_(std::move(content)) {}
  std::uint64_t size() const override { return content_->bytes.size(); }
  Status read_at(std::uint64_t offset, MutableByteView into) const override {
    if (offset > content_->bytes.size() || into.size() > content_->bytes.size() - offset)
      return make_error(ErrorCode::kDataLoss, "the file ends before");
    std::copy_n(content_->bytes.begin() + static_cast<std::ptrdiff_t>(offset), into.size(),
                into.begin());
    return {};
  }

 private:
  std::shared_ptr<Disk::Content> content_;
};

class Appender final : public AppendFile {
 public:
  Appender(Disk& disk, std::shared_ptr<Disk::Content> content, std::string path)
      : disk_(disk), content_(std::move(content)), path_(std::move(path)) {}
  Status append(ByteView bytes) override { return disk_.append(*content_, path_, bytes); }
  Status sync() override {
    content_->synced = content_->bytes.size();
    content_->was_synced = true;
    return {};
  }

 private:
  Disk& disk_;
  std::shared_ptr<Disk::Content> content_;
  std::string path_;
};

}  // namespace

void Disk::crash(RandomSource& random) {
  for (auto at = files_.begin(); at != files_.end();) {
    Content& file = *at->second;
    const std::size_t loose = file.bytes.size() - file.synced;
    if (!file.was_synced && random.uniform_below(2) == 0) {
      at = files_.erase(at);
      continue;
    }
    if (loose > 0) {
      file.bytes.resize(file.synced + static_cast<std::size_t>(random.uniform_below(loose + 1)));
      // Torn: the length reached the disk, some of the bytes did not.
      for (std::size_t i = file.synced; i < file.bytes.size(); ++i) {
        if (random.uniform_below(16) == 0) file.bytes[i] = std::byte{0};
      }
    }
    file.synced = file.bytes.size();
    file.was_synced = true;
    ++at;
  }
}

std::uint64_t Disk::used() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, file] : files_) bytes += file->bytes.size();
  return bytes;
}

Status Disk::append(Content& content, const std::string& path, ByteView bytes) {
  const std::uint64_t have = used();
  const std::uint64_t room = capacity > have ? capacity - have : 0;
  const ByteView fits =
      bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(room, bytes.size())));
  content.bytes.insert(content.bytes.end(), fits.begin(), fits.end());
  return fits.size() == bytes.size() ? Status{} : system_error(ENOSPC, "write " + path);
}

Status Disk::make_directories(const std::string&) { return {}; }

Result<Bytes> Disk::read(const std::string& path, std::uint64_t bytes_max) {
  const auto file = files_.find(path);
  if (file == files_.end()) return system_error(ENOENT, "open " + path);
  if (file->second->bytes.size() > bytes_max)
    return make_error(ErrorCode::kResourceExhausted, path + " is too large");
  return file->second->bytes;
}

Status Disk::write_durably(const std::string& path, ByteView bytes) {
  if (used() + bytes.size() > capacity) return system_error(ENOSPC, "write " + path);
  files_[path] =
      std::make_shared<Content>(Content{Bytes(bytes.begin(), bytes.end()), bytes.size(), true});
  return {};
}

Result<std::unique_ptr<ReadFile>> Disk::open(const std::string& path) {
  const auto file = files_.find(path);
  if (file == files_.end()) return system_error(ENOENT, "open " + path);
  return std::unique_ptr<ReadFile>(std::make_unique<Reader>(file->second));
}

Result<std::unique_ptr<AppendFile>> Disk::open_append(const std::string& path, std::uint64_t size) {
  std::shared_ptr<Content>& file = files_[path];
  if (!file) file = std::make_shared<Content>();
  if (file->bytes.size() < size) return make_error(ErrorCode::kIo, path + " is shorter");
  file->bytes.resize(static_cast<std::size_t>(size));
  file->synced = std::min(file->synced, file->bytes.size());
  return std::unique_ptr<AppendFile>(std::make_unique<Appender>(*this, file, path));
}

Status Disk::rename(const std::string& from, const std::string& to) {
  const auto file = files_.find(from);
  if (file == files_.end()) return system_error(ENOENT, "rename " + from);
  const std::shared_ptr<Content> content = file->second;
  files_.erase(file);
  content->was_synced = true;  // the name is durable, its bytes are what was synced
  files_[to] = content;
  return {};
}

Status Disk::link(const std::string& from, const std::string& to) {
  const auto file = files_.find(from);
  if (file == files_.end()) return system_error(ENOENT, "link " + from);
  if (!files_.try_emplace(to, file->second).second) return system_error(EEXIST, "link " + to);
  file->second->was_synced = true;
  return {};
}

Status Disk::remove(const std::string& path) {
  files_.erase(path);
  return {};
}

Result<std::uint64_t> Disk::file_size(const std::string& path) {
  const auto file = files_.find(path);
  if (file == files_.end()) return system_error(ENOENT, "stat " + path);
  return file->second->bytes.size();
}

bool Disk::exists(const std::string& path) { return files_.contains(path); }

Result<std::vector<std::string>> Disk::list(const std::string& directory) {
  std::vector<std::string> names;
  const std::string prefix = directory + "/";
  for (auto at = files_.lower_bound(prefix); at != files_.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    const std::string name = at->first.substr(prefix.size());
    if (name.find('/') == std::string::npos) names.push_back(name);
  }
  return names;
}

}  // namespace tributary::sim
