// SPDX-License-Identifier: Apache-2.0
// Staging: the coordinator's blobs: files of the store behind it, and updates that lie in memory
// between the network and the sum, where the disk would only hold them up. Those are gone with the
// process, and their sites, which keep them until the round is committed, are asked again.
// What has arrived of one whose link broke goes to the disk. Thread-safe; outlives its writers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/ids.h"
#include "common/storage/blob_store.h"

namespace tributary {

class Staging final : public BlobStore {
 public:
  // `memory`: bytes of all updates in it. 0: all lie on the disk.
  Staging(std::unique_ptr<BlobStore> disk, std::uint64_t memory);
  ~Staging() override;

  // A place in memory for a blob that is about to be received; it lies on the disk without. False:
  // others that arrive, or wait for the sum, have it.
  bool reserve(const BlobRef& blob);
  // Called on any thread when a place may have become free; none: nobody waits.
  void set_room_freed(std::function<void()> call);
  bool can_fit(const BlobRef& blob) const { return blob.bytes <= memory_; }
  // The reception is over, or does not begin. Fine without a reservation.
  void release(const Digest& digest);

  // The site's update has these bytes, until it is in the sum or refused. A blob in memory is
  // forgotten when no update needs it any more: sites with the same data make the same bytes.
  using User = std::pair<JobId, SiteName>;
  void need(const Digest& digest, const User& user);
  void done(const Digest& digest, const User& user);
  // Gives back the memory that is kept for the next updates.
  void trim();

  bool contains(const Digest& digest) const override;
  Result<Digest> put(ByteView bytes) override { return disk_->put(bytes); }
  Status adopt(const BlobRef& blob, const std::string& file) override {
    return disk_->adopt(blob, file);
  }
  Result<std::unique_ptr<Writer>> receive(const BlobRef& blob) override;
  bool has_part(const Digest& digest) const override { return disk_->has_part(digest); }
  Result<Bytes> read(const Digest& digest) const override;
  Result<std::unique_ptr<ReadFile>> open_blob(const Digest& digest) const override;
  Result<std::unique_ptr<ReadFile>> open_verified(const Digest& digest) override;
  std::string path(const Digest& digest) const override { return disk_->path(digest); }
  Status remove(const Digest& digest) override;
  Result<std::vector<Digest>> list() const override;

 private:
  class Segments;
  class MemoryFile;
  class MemoryWriter;
  struct Held {
    std::shared_ptr<const Segments> bytes;
    std::set<User> needed_by;
  };
  std::unique_ptr<ReadFile> in_memory(const Digest& digest) const;  // null: it is not
  void hold(const Digest& digest, std::shared_ptr<const Segments> bytes);
  // This user needs it no more; none: nobody does.
  void forget(const Digest& digest, const User* user);
  bool grow(std::uint64_t bytes);  // false: the memory is used
  void shrink(std::uint64_t bytes);

  std::unique_ptr<BlobStore> disk_;
  const std::uint64_t memory_;
  mutable std::mutex mutex_;
  std::map<Digest, std::uint64_t> reserved_;
  std::map<Digest, Held> held_;
  std::function<void()> room_freed_;
  std::uint64_t arriving_bytes_ = 0, held_bytes_ = 0;
  std::uint64_t used_ = 0;  // bytes of all segments
};

}  // namespace tributary
