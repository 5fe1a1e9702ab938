// SPDX-License-Identifier: Apache-2.0
// BlobStore: content-addressed files (DIRECTORY/<sha256>), and what has arrived of those under way
// (DIRECTORY/<sha256>.part). A blob under its name is whole, verified and durable. A part stays
// over a broken link, kill -9 and a restart, until it is whole or removed; a power cut takes at
// most its last kPartialSyncBytes. Thread-safe, except that a Writer has one owner; of several for
// one digest, each writes a file of its own and only the first can be taken up again. The store
// outlives its writers. It does not decide what is kept, whole or in part: its owner removes.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/chunk.h"
#include "common/base/result.h"
#include "common/domain/task.h"
#include "common/storage/file_system.h"

namespace tributary {

class BlobStore {
 public:
  // Receives one blob, going on where an earlier writer stopped.
  class Writer {
   public:
    virtual ~Writer() = default;
    // Bytes here so far. Those that were here before this writer are not believed before commit():
    // another peer may have sent them, or a power cut torn them.
    virtual std::uint64_t size() const = 0;
    virtual Status append(ByteView bytes) = 0;  // kDataLoss if more come than were announced
    // The same for a chunk that a store in memory may keep as it is.
    virtual Status take(Chunk chunk) { return append(chunk.bytes()); }
    // Verifies the digest and makes the blob durable. kDataLoss: the bytes are not those announced,
    // and are gone.
    virtual Status commit() = 0;
  };

  // Creates the directory if need be, and deletes what an earlier life left that nobody can take
  // up.
  static Result<std::unique_ptr<BlobStore>> open(FileSystem& files, std::string directory);
  virtual ~BlobStore() = default;

  virtual bool contains(const Digest& digest) const = 0;
  virtual Result<Digest> put(ByteView bytes) = 0;  // durable when it returns
  // The blob's bytes lie in this file, which nobody changes any more: the blob is another name for
  // it. The caller has computed its digest. Errors as of FileSystem::link().
  virtual Status adopt(const BlobRef& blob, const std::string& file) = 0;
  virtual Result<std::unique_ptr<Writer>> receive(const BlobRef& blob) = 0;
  // Whether a writer left something that the next one would take up.
  virtual bool has_part(const Digest& digest) const = 0;
  // kDataLoss if the disk changed it; it is removed then, so that it can be fetched again.
  virtual Result<Bytes> read(const Digest& digest) const = 0;
  virtual Result<std::unique_ptr<ReadFile>> open_blob(const Digest& digest) const = 0;
  // The same, for bytes that must be those of the digest: they are read whole once in the life of
  // this store, when it has not verified them yet. Errors as of read().
  virtual Result<std::unique_ptr<ReadFile>> open_verified(const Digest& digest) = 0;
  virtual std::string path(const Digest& digest) const = 0;
  // Whole or in part; fine if it is not there. A part that a writer is at stays.
  virtual Status remove(const Digest& digest) = 0;
  virtual Result<std::vector<Digest>> list() const = 0;  // whole or in part, each once
};

// For whoever makes a blob's bytes anew, from the first one: passes over those that are there.
class ResumedAppend {
 public:
  explicit ResumedAppend(BlobStore::Writer& writer) : writer_(writer), here_(writer.size()) {}
  Status append(ByteView bytes) {
    const std::uint64_t skip = std::min<std::uint64_t>(here_, bytes.size());
    here_ -= skip;
    return writer_.append(bytes.subspan(static_cast<std::size_t>(skip)));
  }

 private:
  BlobStore::Writer& writer_;
  std::uint64_t here_;  // and have not come again yet
};

}  // namespace tributary
