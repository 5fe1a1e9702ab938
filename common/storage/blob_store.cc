// SPDX-License-Identifier: Apache-2.0
#include "common/storage/blob_store.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "common/base/limits.h"
#include "common/crypto/digest.h"

namespace tributary {
namespace {

constexpr std::string_view kPartial = ".part";
constexpr std::size_t kHashStep = 1u << 20;

// Names for partial files. Two peers may send the same bytes at once (two sites with the same data
// and full batches do): only one of them can have the file that is taken up again after a
// break-off.
class PartialNames {
 public:
  std::string acquire(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const std::string usual = path + std::string(kPartial);
    if (taken_.insert(usual).second) return usual;
    return *taken_.insert(usual + "-" + std::to_string(++others_)).first;
  }
  // False while a writer has it.
  bool try_acquire(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return taken_.insert(name).second;
  }
  void release(const std::string& name) {
    const std::lock_guard lock(mutex_);
    taken_.erase(name);
  }

 private:
  std::mutex mutex_;
  std::set<std::string> taken_;
  std::uint64_t others_ = 0;
};

// Whose bytes were seen to be those of their digest, in this life.
class Verified {
 public:
  void add(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    digests_.insert(digest);
  }
  void remove(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    digests_.erase(digest);
  }
  bool contains(const Digest& digest) const {
    const std::lock_guard lock(mutex_);
    return digests_.contains(digest);
  }

 private:
  mutable std::mutex mutex_;
  std::set<Digest> digests_;
};

// The first `bytes` of a file, into a digest.
Status hash_file(const ReadFile& file, std::uint64_t bytes, Hasher& hasher) {
  Bytes step(static_cast<std::size_t>(std::min<std::uint64_t>(kHashStep, bytes)));
  for (std::uint64_t at = 0; at < bytes; at += step.size()) {
    const MutableByteView part(
        step.data(), static_cast<std::size_t>(std::min<std::uint64_t>(step.size(), bytes - at)));
    TRIB_CHECK_OK(file.read_at(at, part));
    hasher.update(part);
  }
  return {};
}

class FileWriter final : public BlobStore::Writer {
 public:
  FileWriter(FileSystem& files, PartialNames& names, Verified& verified, BlobRef blob,
             std::string path)
      : files_(files),
        names_(names),
        verified_(verified),
        blob_(blob),
        path_(std::move(path)),
        partial_(names.acquire(path_)) {}
  ~FileWriter() override {
    file_.reset();
    const bool can_be_taken_up = partial_.ends_with(kPartial);
    if (!can_be_taken_up) discard();
    names_.release(partial_);
  }
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  // Takes up what an earlier writer left, hashed anew: nothing about it is believed.
  Status open() {
    if (files_.exists(partial_)) {
      TRIB_TRY(have, files_.file_size(partial_));
      if (have > blob_.bytes) {
        TRIB_CHECK_OK(files_.remove(partial_));
      } else {
        TRIB_TRY(file, files_.open(partial_));
        TRIB_CHECK_OK(hash_file(*file, have, hasher_));
        size_ = have;
      }
    }
    TRIB_TRY(file, files_.open_append(partial_, size_));
    file_ = std::move(file);
    return {};
  }

  void discard() { static_cast<void>(files_.remove(partial_).has_value()); }

  std::uint64_t size() const override { return size_; }

  Status append(ByteView bytes) override {
    if (bytes.size() > blob_.bytes - size_) {
      return make_error(ErrorCode::kDataLoss,
                        "more bytes came than the " + std::to_string(blob_.bytes) + " announced");
    }
    if (Status written = file_->append(bytes); !written) {
      // A full disk may have taken a part of it: go back to what is known.
      if (auto again = files_.open_append(partial_, size_)) file_ = *std::move(again);
      return written;
    }
    hasher_.update(bytes);
    const std::uint64_t before = std::exchange(size_, size_ + bytes.size());
    if (before / limits::kPartialSyncBytes == size_ / limits::kPartialSyncBytes) return {};
    return file_->sync();
  }

  Status commit() override {
    if (size_ != blob_.bytes) {
      return make_error(ErrorCode::kUnavailable, "only " + std::to_string(size_) + " of " +
                                                     std::to_string(blob_.bytes) +
                                                     " bytes are here");
    }
    if (hasher_.finish() != blob_.digest) {
      file_.reset();
      TRIB_CHECK_OK(files_.remove(partial_));
      return make_error(ErrorCode::kDataLoss,
                        "the bytes do not have the digest " + blob_.digest.short_hex());
    }
    TRIB_CHECK_OK(file_->sync());
    TRIB_CHECK_OK(files_.rename(partial_, path_));
    verified_.add(blob_.digest);
    return {};
  }

 private:
  FileSystem& files_;
  PartialNames& names_;
  Verified& verified_;
  BlobRef blob_;
  std::string path_;
  std::string partial_;
  std::unique_ptr<AppendFile> file_;
  Hasher hasher_;
  std::uint64_t size_ = 0;
};

class FileBlobStore final : public BlobStore {
 public:
  FileBlobStore(FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  bool contains(const Digest& digest) const override { return files_.exists(path(digest)); }

  Result<Digest> put(ByteView bytes) override {
    const Digest digest = sha256(bytes);
    if (contains(digest)) return digest;
    TRIB_TRY(writer, open_writer({digest, bytes.size()}));
    Status written = writer->append(bytes.subspan(writer->size()));
    if (written) written = writer->commit();
    if (written) return digest;
    writer->discard();  // nobody will take it up again, and the disk may be full
    return written.error();
  }

  Status adopt(const BlobRef& blob, const std::string& file) override {
    TRIB_CHECK_OK(files_.make_directories(directory_));
    return files_.link(file, path(blob.digest));
  }

  Result<std::unique_ptr<Writer>> receive(const BlobRef& blob) override {
    if (blob.bytes > limits::kBlobBytesMax) {
      return make_error(ErrorCode::kResourceExhausted,
                        "a blob of " + std::to_string(blob.bytes) + " bytes; at most " +
                            std::to_string(limits::kBlobBytesMax) + " are allowed");
    }
    TRIB_TRY(writer, open_writer(blob));
    return std::unique_ptr<Writer>(std::move(writer));
  }

  bool has_part(const Digest& digest) const override {
    return files_.exists(path(digest) + std::string(kPartial));
  }

  Result<Bytes> read(const Digest& digest) const override {
    TRIB_TRY(bytes, files_.read(path(digest), limits::kBlobBytesMax));
    if (sha256(bytes) != digest) return changed(digest);
    return bytes;
  }

  Result<std::unique_ptr<ReadFile>> open_blob(const Digest& digest) const override {
    return files_.open(path(digest));
  }

  Result<std::unique_ptr<ReadFile>> open_verified(const Digest& digest) override {
    TRIB_TRY(file, files_.open(path(digest)));
    if (verified_.contains(digest)) return file;
    Hasher hasher;
    TRIB_CHECK_OK(hash_file(*file, file->size(), hasher));
    if (hasher.finish() != digest) return changed(digest);
    verified_.add(digest);
    return file;
  }

  std::string path(const Digest& digest) const override { return directory_ + "/" + digest.hex(); }

  Status remove(const Digest& digest) override {
    verified_.remove(digest);
    const std::string partial = path(digest) + std::string(kPartial);
    if (names_.try_acquire(partial)) {
      const Status removed = files_.remove(partial);
      names_.release(partial);
      TRIB_CHECK_OK(removed);
    }
    return files_.remove(path(digest));
  }

  Result<std::vector<Digest>> list() const override {
    TRIB_TRY(names, files_.list(directory_));
    std::set<Digest> digests;
    for (std::string_view name : names) {
      if (name.ends_with(kPartial)) name.remove_suffix(kPartial.size());
      if (const auto digest = digest_from_hex(name)) digests.insert(*digest);
    }
    return std::vector<Digest>(digests.begin(), digests.end());
  }

  // The files of second writers: their owner deletes them, unless it was killed.
  Status remove_orphans() {
    TRIB_TRY(names, files_.list(directory_));
    for (const std::string& name : names) {
      if (name.find(std::string(kPartial) + "-") != std::string::npos)
        TRIB_CHECK_OK(files_.remove(directory_ + "/" + name));
    }
    return {};
  }

 private:
  // It is removed, so that it can be fetched again.
  Error changed(const Digest& digest) const {
    if (Status removed = files_.remove(path(digest)); !removed) return std::move(removed).error();
    return make_error(ErrorCode::kDataLoss,
                      "the bytes of " + path(digest) + " changed on the disk");
  }
  Result<std::unique_ptr<FileWriter>> open_writer(const BlobRef& blob) {
    TRIB_CHECK_OK(files_.make_directories(directory_));  // someone may have tidied up
    auto writer = std::make_unique<FileWriter>(files_, names_, verified_, blob, path(blob.digest));
    TRIB_CHECK_OK(writer->open());
    return writer;
  }

  FileSystem& files_;
  std::string directory_;
  PartialNames names_;
  Verified verified_;
};

}  // namespace

Result<std::unique_ptr<BlobStore>> BlobStore::open(FileSystem& files, std::string directory) {
  TRIB_CHECK_OK(files.make_directories(directory));
  auto store = std::make_unique<FileBlobStore>(files, std::move(directory));
  TRIB_CHECK_OK(store->remove_orphans());
  return std::unique_ptr<BlobStore>(std::move(store));
}

}  // namespace tributary
