// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/staging.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/crypto/digest.h"

namespace tributary {
namespace {

// So many bytes of an update are in one chunk; the last may have fewer.
std::size_t piece_bytes(std::uint64_t left) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(left, Chunk::kUsualBytes));
}

}  // namespace

// The bytes of one update in the chunks that brought them. Those that are small for their buffers
// are put together: what is held stays near what has arrived, whatever the peer's chunks.
class Staging::Segments {
 public:
  Segments(Staging& owner, std::uint64_t announced) : owner_(owner), announced_(announced) {}
  ~Segments() { owner_.shrink(memory_); }
  Segments(const Segments&) = delete;
  Segments& operator=(const Segments&) = delete;

  std::uint64_t size() const { return size_; }
  // As much as the memory has room for: the rest, which is all of a chunk that is kept as it is.
  ByteView take(Chunk& chunk) {
    if (chunk.size() >= piece_bytes(announced_ - size_) && chunk.size() > tail_room()) {
      if (!owner_.grow(chunk.memory())) return chunk.bytes();
      add(std::move(chunk));
      return {};
    }
    return append(chunk.bytes());
  }
  ByteView append(ByteView bytes) {
    while (!bytes.empty()) {
      if (tail_room() == 0) {
        Chunk next = Chunk::take(piece_bytes(announced_ - size_));
        if (!owner_.grow(next.memory())) break;
        add(std::move(next));
      }
      const ByteView rest = pieces_.back().chunk.append(bytes);
      size_ += bytes.size() - rest.size();
      bytes = rest;
    }
    return bytes;
  }
  // Those in one piece from `offset` on; empty at the end.
  ByteView at(std::uint64_t offset) const {
    if (offset >= size_) return {};
    const auto after = std::ranges::upper_bound(pieces_, offset, {}, &Piece::offset);
    const Piece& piece = *std::prev(after);
    return piece.chunk.bytes().subspan(static_cast<std::size_t>(offset - piece.offset));
  }

 private:
  struct Piece {
    std::uint64_t offset;
    Chunk chunk;
  };

  std::size_t tail_room() {
    if (pieces_.empty()) return 0;
    Chunk& tail = pieces_.back().chunk;
    return tail.room().size() - tail.size();
  }
  void add(Chunk chunk) {
    memory_ += chunk.memory();
    pieces_.push_back({size_, std::move(chunk)});
    size_ += pieces_.back().chunk.size();
  }

  Staging& owner_;
  const std::uint64_t announced_;
  std::vector<Piece> pieces_;
  std::uint64_t size_ = 0;
  std::uint64_t memory_ = 0;
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
    TRIB_CHECK_OK(check_announced(bytes));
    if (!bytes_) return on_disk_->append(bytes);
    hasher_.update(bytes);
    return append_to_disk(bytes_->append(bytes));
  }
  Status take(Chunk chunk) override {
    TRIB_CHECK_OK(check_announced(chunk.bytes()));
    if (!bytes_) return on_disk_->append(chunk.bytes());
    hasher_.update(chunk.bytes());
    return append_to_disk(bytes_->take(chunk));
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
  Status check_announced(ByteView bytes) const {
    if (bytes.size() <= blob_.bytes - size()) return {};
    return make_error(ErrorCode::kDataLoss,
                      "more bytes came than the " + std::to_string(blob_.bytes) + " announced");
  }
  // What the memory had no room for.
  Status append_to_disk(ByteView rest) {
    if (rest.empty()) return {};
    TRIB_CHECK_OK(move_to_disk());
    return on_disk_->append(rest);
  }
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

Staging::~Staging() { trim(); }

bool Staging::reserve(const BlobRef& blob) {
  const std::lock_guard lock(mutex_);
  if (!can_fit(blob) || reserved_.contains(blob.digest)) return false;
  if (arriving_bytes_ + held_bytes_ + blob.bytes > memory_) return false;
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

void Staging::done(const Digest& digest, const User& user) { forget(digest, &user); }

void Staging::hold(const Digest& digest, std::shared_ptr<const Segments> bytes) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t size = bytes->size();
  if (held_.try_emplace(digest, std::move(bytes), std::set<User>{}).second) held_bytes_ += size;
}

void Staging::forget(const Digest& digest, const User* user) {
  std::function<void()> room_freed;
  {
    std::shared_ptr<const Segments> last;  // dies after the lock
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(digest);
    if (found == held_.end()) return;
    // Under the same lock: whoever begins to need it meanwhile has it.
    if (user != nullptr) {
      found->second.needed_by.erase(*user);
      if (!found->second.needed_by.empty()) return;
    }
    last = std::move(found->second.bytes);
    held_bytes_ -= last->size();
    held_.erase(found);
    room_freed = room_freed_;
  }
  if (room_freed) room_freed();
}

void Staging::set_room_freed(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  room_freed_ = std::move(call);
}

bool Staging::grow(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (used_ >= memory_) return false;  // passed by less than a chunk: an update of just its size
  used_ += bytes;
  Chunk::keep_pooled(memory_);  // memory that is new costs more than all work on it
  return true;
}

void Staging::shrink(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
}

void Staging::trim() { Chunk::keep_pooled(0); }

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
  forget(digest, nullptr);
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
