// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/staging.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/crypto/digest.h"

namespace tributary {
namespace {

constexpr std::size_t kSegmentBytes = 1u << 20;

}  // namespace

// The bytes of one update, in pieces that the next one uses again; a small one is one piece of its
// size.
class Staging::Segments {
 public:
  Segments(Staging& owner, std::uint64_t announced)
      : owner_(owner), piece_bytes_(std::min<std::uint64_t>(announced, kSegmentBytes)) {}
  ~Segments() { owner_.give_back(std::move(pieces_)); }
  Segments(const Segments&) = delete;
  Segments& operator=(const Segments&) = delete;

  std::uint64_t size() const { return size_; }
  // False, and nothing is taken, where the memory ends.
  bool append(ByteView bytes) {
    while (pieces_.size() * piece_bytes_ < size_ + bytes.size()) {
      std::optional<Bytes> piece = owner_.take_piece(piece_bytes_);
      if (!piece) return false;
      pieces_.push_back(*std::move(piece));
    }
    while (!bytes.empty()) {
      Bytes& piece = pieces_[size_ / piece_bytes_];
      const std::size_t at = size_ % piece_bytes_;
      const std::size_t count = std::min(bytes.size(), piece.size() - at);
      std::memcpy(piece.data() + at, bytes.data(), count);
      bytes = bytes.subspan(count);
      size_ += count;
    }
    return true;
  }
  // Those in one piece from `offset` on; empty at the end.
  ByteView at(std::uint64_t offset) const {
    if (offset >= size_) return {};
    const std::size_t at = offset % piece_bytes_;
    const std::uint64_t count = std::min<std::uint64_t>(piece_bytes_ - at, size_ - offset);
    return ByteView(pieces_[offset / piece_bytes_]).subspan(at, count);
  }

 private:
  Staging& owner_;
  const std::size_t piece_bytes_;
  std::vector<Bytes> pieces_;
  std::uint64_t size_ = 0;
};

class Staging::MemoryFile final : public ReadFile {
 public:
  explicit MemoryFile(std::shared_ptr<const Segments> bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_->size(); }
  Status read_at(std::uint64_t offset, MutableByteView into) const override {
    if (offset > size() || into.size() > size() - offset)
      return make_error(ErrorCode::kDataLoss, "the update is shorter than that");
    while (!into.empty()) {
      const ByteView from = bytes_->at(offset);
      const std::size_t count = std::min(from.size(), into.size());
      std::memcpy(into.data(), from.data(), count);
      into = into.subspan(count);
      offset += count;
    }
    return {};
  }

 private:
  std::shared_ptr<const Segments> bytes_;
};

class Staging::MemoryWriter final : public BlobStore::Writer {
 public:
  MemoryWriter(Staging& owner, const BlobRef& blob)
      : owner_(owner), blob_(blob), bytes_(std::make_shared<Segments>(owner, blob.bytes)) {}
  // What is not whole is for the next link to go on with; where it cannot be written, it comes
  // again.
  ~MemoryWriter() override {
    if (bytes_ && bytes_->size() > 0) static_cast<void>(move_to_disk().has_value());
  }
  MemoryWriter(const MemoryWriter&) = delete;
  MemoryWriter& operator=(const MemoryWriter&) = delete;

  std::uint64_t size() const override {
    if (on_disk_) return on_disk_->size();
    return bytes_ ? bytes_->size() : 0;
  }
  Status append(ByteView bytes) override {
    if (bytes.size() > blob_.bytes - size()) {
      return make_error(ErrorCode::kDataLoss,
                        "more bytes came than the " + std::to_string(blob_.bytes) + " announced");
    }
    if (bytes_) {
      if (bytes_->append(bytes)) {
        hasher_.update(bytes);
        return {};
      }
      TRIB_CHECK_OK(move_to_disk());
    }
    return on_disk_->append(bytes);
  }
  Status commit() override {
    if (on_disk_) return on_disk_->commit();
    if (size() != blob_.bytes) {
      return make_error(ErrorCode::kUnavailable, "only " + std::to_string(size()) + " of " +
                                                     std::to_string(blob_.bytes) +
                                                     " bytes are here");
    }
    const std::shared_ptr<const Segments> bytes = std::move(bytes_);
    if (hasher_.finish() != blob_.digest) {
      return make_error(ErrorCode::kDataLoss,
                        "the bytes do not have the digest " + blob_.digest.short_hex());
    }
    owner_.hold(blob_.digest, bytes);
    return {};
  }

 private:
  Status move_to_disk() {
    TRIB_TRY(writer, owner_.disk_->receive(blob_));
    if (writer->size() > bytes_->size())
      return make_error(ErrorCode::kIo, "another site sends the same update");
    for (std::uint64_t at = writer->size(); at < bytes_->size(); at = writer->size())
      TRIB_CHECK_OK(writer->append(bytes_->at(at)));
    on_disk_ = std::move(writer);
    bytes_.reset();
    return {};
  }

  Staging& owner_;
  BlobRef blob_;
  std::shared_ptr<Segments> bytes_;  // none after a commit, or once they lie
  std::unique_ptr<Writer> on_disk_;  // here
  Hasher hasher_;
};

Staging::Staging(std::unique_ptr<BlobStore> disk, std::uint64_t memory)
    : disk_(std::move(disk)), memory_(memory) {}

Staging::~Staging() { held_.clear(); }

bool Staging::reserve(const BlobRef& blob) {
  const std::lock_guard lock(mutex_);
  if (!can_fit(blob) || reserved_.contains(blob.digest)) return false;
  if (arriving_bytes_ + blob.bytes > memory_) return false;
  reserved_[blob.digest] = blob.bytes;
  arriving_bytes_ += blob.bytes;
  return true;
}

void Staging::release(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  if (const auto room = reserved_.extract(digest)) arriving_bytes_ -= room.mapped();
}

void Staging::need(const Digest& digest, const User& user) {
  const std::lock_guard lock(mutex_);
  if (const auto found = held_.find(digest); found != held_.end())
    found->second.needed_by.insert(user);
}

void Staging::done(const Digest& digest, const User& user) {
  std::shared_ptr<const Segments> last;  // dies after the lock
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(digest);
  if (found == held_.end()) return;
  found->second.needed_by.erase(user);
  if (!found->second.needed_by.empty()) return;
  last = found->second.bytes;
  held_.erase(found);
}

void Staging::hold(const Digest& digest, std::shared_ptr<const Segments> bytes) {
  const std::lock_guard lock(mutex_);
  held_.try_emplace(digest, std::move(bytes), std::set<User>{});
}

std::optional<Bytes> Staging::take_piece(std::size_t size) {
  const std::lock_guard lock(mutex_);
  if (size == kSegmentBytes && !spare_.empty()) {
    Bytes piece = std::move(spare_.back());
    spare_.pop_back();
    return piece;
  }
  while (used_ + size > memory_ && !spare_.empty()) {
    spare_.pop_back();
    used_ -= kSegmentBytes;
  }
  if (used_ + size > memory_) return std::nullopt;
  used_ += size;
  return Bytes(size);
}

void Staging::give_back(std::vector<Bytes> pieces) {
  const std::lock_guard lock(mutex_);
  for (Bytes& piece : pieces) {
    if (piece.size() == kSegmentBytes) {
      spare_.push_back(std::move(piece));
    } else {
      used_ -= piece.size();
    }
  }
}

void Staging::trim() {
  const std::lock_guard lock(mutex_);
  used_ -= spare_.size() * kSegmentBytes;
  spare_ = {};
}

std::unique_ptr<ReadFile> Staging::in_memory(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(digest);
  if (found == held_.end()) return nullptr;
  return std::make_unique<MemoryFile>(found->second.bytes);
}

bool Staging::contains(const Digest& digest) const {
  return in_memory(digest) != nullptr || disk_->contains(digest);
}

Result<std::unique_ptr<BlobStore::Writer>> Staging::receive(const BlobRef& blob) {
  const auto reserved = [&] {
    const std::lock_guard lock(mutex_);
    return reserved_.contains(blob.digest);
  };
  // What is there of it is worth more than the room.
  if (!reserved() || disk_->has_part(blob.digest)) return disk_->receive(blob);
  return std::unique_ptr<Writer>(std::make_unique<MemoryWriter>(*this, blob));
}

Result<Bytes> Staging::read(const Digest& digest) const {
  const std::unique_ptr<ReadFile> file = in_memory(digest);
  if (!file) return disk_->read(digest);
  Bytes bytes(file->size());
  TRIB_CHECK_OK(file->read_at(0, bytes));
  return bytes;
}

Result<std::unique_ptr<ReadFile>> Staging::open_blob(const Digest& digest) const {
  if (std::unique_ptr<ReadFile> file = in_memory(digest)) return file;
  return disk_->open_blob(digest);
}

Result<std::unique_ptr<ReadFile>> Staging::open_verified(const Digest& digest) {
  if (std::unique_ptr<ReadFile> file = in_memory(digest)) return file;
  return disk_->open_verified(digest);
}

Status Staging::remove(const Digest& digest) {
  std::shared_ptr<const Segments> last;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = held_.find(digest); found != held_.end()) {
      last = found->second.bytes;
      held_.erase(found);
    }
  }
  return disk_->remove(digest);
}

Result<std::vector<Digest>> Staging::list() const {
  TRIB_TRY(digests, disk_->list());
  std::set<Digest> all(digests.begin(), digests.end());
  const std::lock_guard lock(mutex_);
  for (const auto& [digest, held] : held_) all.insert(digest);
  return std::vector<Digest>(all.begin(), all.end());
}

}  // namespace tributary
