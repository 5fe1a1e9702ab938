// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/model_repository.h"

#include <algorithm>
#include <cstdio>
#include <functional>

#include "common/tensor/safetensors.h"

namespace tributary {
namespace {

constexpr std::string_view kNew = ".new";

std::string file_name(const char* kind, RoundNumber round) {
  char name[64];
  std::snprintf(name, sizeof name, "%s-%04u.safetensors", kind, round);
  return name;
}

constexpr std::uint64_t kStep = 1u << 20;

// The whole file, in steps.
Status read_through(const ReadFile& file, std::uint64_t from,
                    const std::function<Status(ByteView)>& take) {
  Bytes step(static_cast<std::size_t>(std::min(kStep, file.size() - from)));
  for (std::uint64_t at = from; at < file.size(); at += step.size()) {
    const MutableByteView part(step.data(), static_cast<std::size_t>(std::min<std::uint64_t>(
                                                step.size(), file.size() - at)));
    TRIB_CHECK_OK(file.read_at(at, part));
    TRIB_CHECK_OK(take(part));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<SafetensorsReader>> read_values(std::unique_ptr<ReadFile> file) {
  const std::uint64_t bytes = file->size();
  return SafetensorsReader::open(
      [file = std::shared_ptr<ReadFile>(std::move(file))](
          std::uint64_t offset, MutableByteView into) { return file->read_at(offset, into); },
      bytes);
}

Result<std::unique_ptr<ModelFile>> ModelFile::create(FileSystem& files, std::string path,
                                                     const Layout& layout) {
  std::unique_ptr<ModelFile> model(new ModelFile(files, std::move(path)));
  TRIB_TRY(file, files.open_append(model->path_ + std::string(kNew), 0));
  model->file_ = std::move(file);
  TRIB_CHECK_OK(model->append(encode_safetensors_head(layout)));
  return model;
}

ModelFile::~ModelFile() {
  if (!file_) return;
  file_.reset();
  static_cast<void>(files_.remove(path_ + std::string(kNew)).has_value());
}

Status ModelFile::append(ByteView bytes) {
  TRIB_CHECK_OK(file_->append(bytes));
  hasher_.update(bytes);
  bytes_ += bytes.size();
  return {};
}

Status ModelFile::write(std::span<const float> values) { return append(std::as_bytes(values)); }

Result<BlobRef> ModelFile::commit() {
  TRIB_CHECK_OK(file_->sync());
  TRIB_CHECK_OK(files_.rename(path_ + std::string(kNew), path_));
  file_.reset();
  return BlobRef{hasher_.finish(), bytes_};
}

std::string ModelRepository::model_path(const JobId& job, RoundNumber round) const {
  return directory_ + "/" + job.value + "/" + file_name("round", round);
}

std::string ModelRepository::optimizer_path(const JobId& job, RoundNumber round) const {
  return directory_ + "/" + job.value + "/" + file_name("optimizer", round);
}

Result<std::unique_ptr<ModelFile>> ModelRepository::create(const JobId& job, std::string path,
                                                           const Layout& layout) {
  TRIB_CHECK_OK(files_.make_directories(directory_ + "/" + job.value));
  return ModelFile::create(files_, std::move(path), layout);
}

Result<std::unique_ptr<ModelFile>> ModelRepository::create_model(const JobId& job,
                                                                 RoundNumber round,
                                                                 const Layout& layout) {
  return create(job, model_path(job, round), layout);
}

Result<std::unique_ptr<ModelFile>> ModelRepository::create_optimizer(const JobId& job,
                                                                     RoundNumber round,
                                                                     const Layout& layout) {
  return create(job, optimizer_path(job, round), layout);
}

Status ModelRepository::remove_old_optimizer(const JobId& job, RoundNumber round) {
  return round >= 2 ? files_.remove(optimizer_path(job, round - 2)) : Status{};
}

Result<std::unique_ptr<ReadFile>> ModelRepository::open_model(const JobId& job,
                                                              RoundNumber round) const {
  return files_.open(model_path(job, round));
}

Result<std::unique_ptr<SafetensorsReader>> ModelRepository::read_model(const JobId& job,
                                                                       RoundNumber round) const {
  TRIB_TRY(file, open_model(job, round));
  auto values = read_values(std::move(file));
  if (!values) return std::move(values).error().with_context(model_path(job, round));
  return values;
}

Result<std::unique_ptr<SafetensorsReader>> ModelRepository::read_optimizer(
    const JobId& job, RoundNumber round) const {
  const std::string path = optimizer_path(job, round);
  if (!files_.exists(path)) return std::unique_ptr<SafetensorsReader>();
  TRIB_TRY(file, files_.open(path));
  auto values = read_values(std::move(file));
  if (!values) return std::move(values).error().with_context(path);
  return values;
}

Result<BlobRef> ModelRepository::digest_of(const JobId& job, RoundNumber round) const {
  TRIB_TRY(file, open_model(job, round));
  Hasher hasher;
  TRIB_CHECK_OK(read_through(*file, 0, [&hasher](ByteView part) {
    hasher.update(part);
    return Status{};
  }));
  return BlobRef{hasher.finish(), file->size()};
}

Status ModelRepository::publish(const JobId& job, RoundNumber round, const BlobRef& model,
                                BlobStore& blobs) const {
  if (blobs.contains(model.digest)) return {};
  TRIB_TRY(file, open_model(job, round));
  TRIB_TRY(copy, blobs.receive(model));
  TRIB_CHECK_OK(
      read_through(*file, copy->size(), [&copy](ByteView part) { return copy->append(part); }));
  return copy->commit();
}

}  // namespace tributary
