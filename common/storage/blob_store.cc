// SPDX-License-Identifier: Apache-2.0
#include "common/storage/blob_store.h"

#include <algorithm>
#include <set>

#include "common/base/limits.h"
#include "common/crypto/digest.h"

namespace tributary {
namespace {

constexpr std::string_view kPartial = ".part";
constexpr std::size_t kHashStep = 1u << 20;

class FileBlobStore;

class FileWriter final : public BlobStore::Writer {
 public:
  FileWriter(FileSystem& files, BlobRef blob, std::string path)
      : files_(files), blob_(blob), path_(std::move(path)) {}

  // Takes up what an earlier writer left, hashed anew: nothing about it is believed.
  Status open() {
    const std::string partial = path_ + std::string(kPartial);
    if (files_.exists(partial)) {
      TRIB_TRY(have, files_.file_size(partial));
      if (have > blob_.bytes) {
        TRIB_CHECK_OK(files_.remove(partial));
      } else {
        TRIB_CHECK_OK(hash_file(partial, have));
      }
    }
    TRIB_TRY(file, files_.open_append(partial, size_));
    file_ = std::move(file);
    return {};
  }

  std::uint64_t size() const override { return size_; }

  Status append(ByteView bytes) override {
    if (bytes.size() > blob_.bytes - size_) {
      return make_error(ErrorCode::kDataLoss,
                        "more bytes came than the " + std::to_string(blob_.bytes) + " announced");
    }
    if (Status written = file_->append(bytes); !written) {
      // A full disk may have taken a part of it: go back to what is known.
      if (auto again = files_.open_append(path_ + std::string(kPartial), size_))
        file_ = *std::move(again);
      return written;
    }
    hasher_.update(bytes);
    size_ += bytes.size();
    return {};
  }

  Status commit() override {
    const std::string partial = path_ + std::string(kPartial);
    if (size_ != blob_.bytes) {
      return make_error(ErrorCode::kUnavailable, "only " + std::to_string(size_) + " of " +
                                                     std::to_string(blob_.bytes) +
                                                     " bytes are here");
    }
    if (hasher_.finish() != blob_.digest) {
      file_.reset();
      TRIB_CHECK_OK(files_.remove(partial));
      return make_error(ErrorCode::kDataLoss,
                        "the bytes do not have the digest " + blob_.digest.short_hex());
    }
    TRIB_CHECK_OK(file_->sync());
    return files_.rename(partial, path_);
  }

 private:
  Status hash_file(const std::string& path, std::uint64_t bytes) {
    TRIB_TRY(file, files_.open(path));
    Bytes step(kHashStep);
    while (size_ < bytes) {
      const MutableByteView part(
          step.data(), static_cast<std::size_t>(std::min<std::uint64_t>(kHashStep, bytes - size_)));
      TRIB_CHECK_OK(file->read_at(size_, part));
      hasher_.update(part);
      size_ += part.size();
    }
    return {};
  }

  FileSystem& files_;
  BlobRef blob_;
  std::string path_;
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
    if (!contains(digest)) TRIB_CHECK_OK(files_.write_durably(path(digest), bytes));
    return digest;
  }

  Result<std::unique_ptr<Writer>> receive(const BlobRef& blob) override {
    if (blob.bytes > limits::kBlobBytesMax) {
      return make_error(ErrorCode::kResourceExhausted,
                        "a blob of " + std::to_string(blob.bytes) + " bytes; at most " +
                            std::to_string(limits::kBlobBytesMax) + " are allowed");
    }
    auto writer = std::make_unique<FileWriter>(files_, blob, path(blob.digest));
    TRIB_CHECK_OK(writer->open());
    return std::unique_ptr<Writer>(std::move(writer));
  }

  Result<Bytes> read(const Digest& digest) const override {
    TRIB_TRY(bytes, files_.read(path(digest), limits::kBlobBytesMax));
    if (sha256(bytes) != digest) {
      return make_error(ErrorCode::kDataLoss,
                        "the bytes of " + path(digest) + " changed on the disk");
    }
    return bytes;
  }

  Result<std::unique_ptr<ReadFile>> open_blob(const Digest& digest) const override {
    return files_.open(path(digest));
  }

  std::string path(const Digest& digest) const override { return directory_ + "/" + digest.hex(); }

  Status remove(const Digest& digest) override {
    TRIB_CHECK_OK(files_.remove(path(digest) + std::string(kPartial)));
    return files_.remove(path(digest));
  }

  Result<std::vector<Digest>> list() const override {
    TRIB_TRY(names, files_.list(directory_));
    std::vector<Digest> digests;
    for (const std::string& name : names) {
      if (const auto digest = digest_from_hex(name)) digests.push_back(*digest);
    }
    return digests;
  }

  Status remove_except(const std::vector<Digest>& keep) override {
    std::set<std::string> kept;
    for (const Digest& digest : keep) {
      kept.insert(digest.hex());
      kept.insert(digest.hex() + std::string(kPartial));
    }
    TRIB_TRY(names, files_.list(directory_));
    for (const std::string& name : names) {
      if (!kept.contains(name)) TRIB_CHECK_OK(files_.remove(directory_ + "/" + name));
    }
    return {};
  }

 private:
  FileSystem& files_;
  std::string directory_;
};

}  // namespace

Result<std::unique_ptr<BlobStore>> BlobStore::open(FileSystem& files, std::string directory) {
  TRIB_CHECK_OK(files.make_directories(directory));
  return std::unique_ptr<BlobStore>(std::make_unique<FileBlobStore>(files, std::move(directory)));
}

}  // namespace tributary
