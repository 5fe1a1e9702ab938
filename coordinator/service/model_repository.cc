// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/model_repository.h"

#include <cstdio>

#include "common/base/limits.h"
#include "common/crypto/digest.h"

namespace tributary {
namespace {

std::string file_name(const char* kind, RoundNumber round) {
  char name[64];
  std::snprintf(name, sizeof name, "%s-%04u.safetensors", kind, round);
  return name;
}

}  // namespace

std::string ModelRepository::model_path(const JobId& job, RoundNumber round) const {
  return directory_ + "/" + job.value + "/" + file_name("round", round);
}

std::string ModelRepository::optimizer_path(const JobId& job, RoundNumber round) const {
  return directory_ + "/" + job.value + "/" + file_name("optimizer", round);
}

Result<BlobRef> ModelRepository::save_model(const JobId& job, RoundNumber round,
                                            const Model& model) {
  TRIB_CHECK_OK(files_.make_directories(directory_ + "/" + job.value));
  const Bytes bytes = encode_safetensors(model);
  TRIB_CHECK_OK(files_.write_durably(model_path(job, round), bytes));
  return BlobRef{sha256(bytes), bytes.size()};
}

Status ModelRepository::save_optimizer(const JobId& job, RoundNumber round, const Model& state) {
  TRIB_CHECK_OK(files_.make_directories(directory_ + "/" + job.value));
  TRIB_CHECK_OK(files_.write_durably(optimizer_path(job, round), encode_safetensors(state)));
  // A round is finished again after a crash, so the state before it stays; older ones are of no
  // use.
  return round >= 2 ? files_.remove(optimizer_path(job, round - 2)) : Status{};
}

Result<std::unique_ptr<ReadFile>> ModelRepository::open_model(const JobId& job,
                                                              RoundNumber round) const {
  return files_.open(model_path(job, round));
}

Result<Bytes> ModelRepository::read_model_bytes(const JobId& job, RoundNumber round) const {
  return files_.read(model_path(job, round), limits::kBlobBytesMax);
}

Result<Model> ModelRepository::load_model(const JobId& job, RoundNumber round) const {
  TRIB_TRY(bytes, read_model_bytes(job, round));
  Result<Model> model = decode_safetensors(bytes);
  if (!model) return std::move(model).error().with_context(model_path(job, round));
  return model;
}

Result<std::optional<Model>> ModelRepository::load_optimizer(const JobId& job,
                                                             RoundNumber round) const {
  const std::string path = optimizer_path(job, round);
  if (!files_.exists(path)) return std::optional<Model>{};
  TRIB_TRY(bytes, files_.read(path, limits::kBlobBytesMax));
  Result<Model> state = decode_safetensors(bytes);
  if (!state) return std::move(state).error().with_context(path);
  return std::optional<Model>{*std::move(state)};
}

}  // namespace tributary
