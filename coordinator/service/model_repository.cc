// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/model_repository.h"

#include <algorithm>
#include <cstdio>
#include <functional>

#include "common/tensor/safetensors.h"

namespace tributary {
namespace {

constexpr std::string_view kNew = ".new";

std::string file_name(std::string_view kind, RoundNumber round, std::string_view part = {}) {
  char number[16];
  std::snprintf(number, sizeof number, "-%04u", round);
  return std::string(kind) + number + std::string(part) + ".safetensors";
}

struct KindOfState {
  const char* file;   // how its files' names begin
  const char* key;    // in their metadata
  const char* words;  // for people
};

const KindOfState& kind_of(const StateName& state) {
  static constexpr KindOfState kKinds[] = {
      {"optimizer", "tributary.server_optimizer", "server optimizer"},
      {"algorithm", "tributary.algorithm", "algorithm"},
      {"downloads", "tributary.download_encoding", "download encoding"}};
  return kKinds[static_cast<std::size_t>(state.of)];
}

ModelFile::Metadata metadata_of(const StateName& state) {
  return {{kind_of(state).key, std::string(state.owner)},
          {"tributary.state", std::string(state.vector)}};
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

// A second name for the file where the file system has such; a copy otherwise, which goes on where
// an earlier try stopped.
Status put_file(FileSystem& files, const std::string& path, const BlobRef& blob, BlobStore& blobs) {
  if (blobs.contains(blob.digest) || blobs.adopt(blob, path)) return {};
  TRIB_TRY(file, files.open(path));
  TRIB_TRY(copy, blobs.receive(blob));
  TRIB_CHECK_OK(
      read_through(*file, copy->size(), [&copy](ByteView part) { return copy->append(part); }));
  return copy->commit();
}

}  // namespace

Result<std::unique_ptr<SafetensorsReader>> read_values(std::unique_ptr<ReadFile> file) {
  const std::uint64_t bytes = file->size();
  return SafetensorsReader::open(reader_of(std::move(file)), bytes);
}

Result<std::unique_ptr<ModelFile>> ModelFile::create(FileSystem& files, std::string path,
                                                     const Layout& layout,
                                                     const Metadata& metadata) {
  TRIB_TRY(model, create(files, std::move(path)));
  TRIB_CHECK_OK(model->append(encode_safetensors_head(layout, metadata)));
  return model;
}

Result<std::unique_ptr<ModelFile>> ModelFile::create(FileSystem& files, std::string path) {
  std::unique_ptr<ModelFile> model(new ModelFile(files, std::move(path)));
  TRIB_TRY(file, files.open_append(model->path_ + std::string(kNew), 0));
  model->file_ = std::move(file);
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

std::string ModelRepository::state_path(const JobId& job, RoundNumber round,
                                        const StateName& state) const {
  return directory_ + "/" + job.value + "/" +
         file_name(kind_of(state).file, round, "-" + std::string(state.vector));
}

std::string ModelRepository::delta_path(const JobId& job, RoundNumber round) const {
  return directory_ + "/" + job.value + "/" + file_name("delta", round);
}

Result<std::unique_ptr<ModelFile>> ModelRepository::create(const JobId& job, std::string path,
                                                           const Layout& layout,
                                                           const ModelFile::Metadata& metadata) {
  TRIB_CHECK_OK(files_.make_directories(directory_ + "/" + job.value));
  return ModelFile::create(files_, std::move(path), layout, metadata);
}

Result<std::unique_ptr<ModelFile>> ModelRepository::create_model(const JobId& job,
                                                                 RoundNumber round,
                                                                 const Layout& layout) {
  return create(job, model_path(job, round), layout, {});
}

Result<std::unique_ptr<ModelFile>> ModelRepository::create_state(const JobId& job,
                                                                 RoundNumber round,
                                                                 const StateName& state,
                                                                 const Layout& layout) {
  return create(job, state_path(job, round, state), layout, metadata_of(state));
}

Status ModelRepository::remove_old_state(const JobId& job, RoundNumber round,
                                         const StateName& state) {
  return round >= 2 ? files_.remove(state_path(job, round - 2, state)) : Status{};
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

Result<std::unique_ptr<SafetensorsReader>> ModelRepository::read_state(
    const JobId& job, RoundNumber round, const StateName& state) const {
  const std::string path = state_path(job, round, state);
  const std::string wanted = "'" + std::string(state.vector) + "' of " + kind_of(state).words +
                             " '" + std::string(state.owner) + "' after round " +
                             std::to_string(round);
  if (!files_.exists(path)) {
    return make_error(
        ErrorCode::kDataLoss,
        path + ": the state " + wanted + " is missing; an earlier version kept it in another file");
  }
  TRIB_TRY(file, files_.open(path));
  auto values = read_values(std::move(file));
  if (!values) return std::move(values).error().with_context(path);
  if ((*values)->metadata() != metadata_of(state))
    return make_error(ErrorCode::kDataLoss, path + ": is not the state " + wanted +
                                                ", but another one's or an earlier version's");
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

Status ModelRepository::check(const JobId& job, RoundNumber round, const Digest& sent,
                              const std::optional<SentState>& along) const {
  TRIB_TRY(there, along ? sent_file(job, round, *along) : digest_of(job, round));
  return is_committed(job, round, there.digest, sent);
}

Status ModelRepository::is_committed(const JobId& job, RoundNumber round, const Digest& found,
                                     const Digest& committed) const {
  if (found == committed) return {};
  return make_error(ErrorCode::kDataLoss,
                    model_path(job, round) + " is not what was committed: its digest is " +
                        found.hex() + ", not " + committed.hex() + "; the disk may be damaged");
}

// Head, then the values of both files: they are float32 without a gap, as we wrote them.
Status ModelRepository::read_sent(const JobId& job, RoundNumber round, const SentState& along,
                                  const std::function<Status(ByteView)>& take) const {
  TRIB_TRY(model, read_model(job, round));
  TRIB_TRY(state, read_state(job, round, along.state));
  Layout layout = model->layout();
  for (const TensorInfo& tensor : state->layout().tensors)
    layout.tensors.push_back({std::string(along.name) + "/" + tensor.name, tensor.shape});
  TRIB_CHECK_OK(take(encode_safetensors_head(layout)));
  std::vector<float> block(kStep / sizeof(float));
  for (ValueSource* values : {model.get(), state.get()}) {
    while (true) {
      TRIB_TRY(count, values->read(block));
      if (count == 0) break;
      TRIB_CHECK_OK(take(std::as_bytes(std::span(block).first(count))));
    }
  }
  return {};
}

Result<BlobRef> ModelRepository::sent_file(const JobId& job, RoundNumber round,
                                           const SentState& along) const {
  Hasher hasher;
  std::uint64_t bytes = 0;
  TRIB_CHECK_OK(read_sent(job, round, along, [&](ByteView part) {
    hasher.update(part);
    bytes += part.size();
    return Status{};
  }));
  return BlobRef{hasher.finish(), bytes};
}

Status ModelRepository::publish(const JobId& job, RoundNumber round, const BlobRef& sent,
                                const std::optional<SentState>& along, BlobStore& blobs) const {
  if (!along) return put_file(files_, model_path(job, round), sent, blobs);
  if (blobs.contains(sent.digest)) return {};
  TRIB_TRY(copy, blobs.receive(sent));
  ResumedAppend rest(*copy);
  TRIB_CHECK_OK(
      read_sent(job, round, *along, [&rest](ByteView part) { return rest.append(part); }));
  return copy->commit();
}

Result<std::unique_ptr<ModelFile>> ModelRepository::create_delta(const JobId& job,
                                                                 RoundNumber round) {
  return ModelFile::create(files_, delta_path(job, round));
}

Result<std::unique_ptr<ReadFile>> ModelRepository::open_delta(const JobId& job,
                                                              RoundNumber round) const {
  return files_.open(delta_path(job, round));
}

Status ModelRepository::publish_delta(const JobId& job, RoundNumber round, const BlobRef& delta,
                                      BlobStore& blobs) {
  return put_file(files_, delta_path(job, round), delta, blobs);
}

Status ModelRepository::remove_delta(const JobId& job, RoundNumber round) {
  return files_.remove(delta_path(job, round));
}

}  // namespace tributary
