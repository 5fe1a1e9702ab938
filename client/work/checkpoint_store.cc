// SPDX-License-Identifier: Apache-2.0
#include "client/work/checkpoint_store.h"

#include <algorithm>

#include "common/base/limits.h"
#include "common/crypto/digest.h"

namespace tributary {
namespace {

// The state is followed by its seal, so that it is never copied: batches and total, kFormat, the
// binding, and the SHA-256 of all before it. Numbers are u64, little-endian.
constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kNumber = sizeof(std::uint64_t);
constexpr std::size_t kDigest = sizeof(Digest::bytes);
constexpr std::size_t kSeal = 3 * kNumber + 2 * kDigest;

Result<TrainingState> unseal(Bytes file, const Digest& binding) {
  if (file.size() < kSeal) return make_error(ErrorCode::kDataLoss, "a checkpoint is cut short");
  const std::size_t size = file.size() - kSeal;
  const std::byte* seal = file.data() + size;
  const ByteView sealed(file.data(), file.size() - kDigest);
  if (!std::ranges::equal(sha256(sealed).bytes, ByteView(file).last(kDigest)))
    return make_error(ErrorCode::kDataLoss, "a checkpoint is damaged");
  TrainingState state{
      get_little_endian<std::uint64_t>(seal), get_little_endian<std::uint64_t>(seal + kNumber), {}};
  const auto format = get_little_endian<std::uint64_t>(seal + 2 * kNumber);
  if (format != kFormat || !std::ranges::equal(binding.bytes, sealed.last(kDigest)))
    return make_error(ErrorCode::kNotFound, "the checkpoint is of another training or version");
  file.resize(size);
  state.bytes = std::move(file);
  return state;
}

}  // namespace

Status CheckpointStore::keep(const Digest& binding, TrainingState state) {
  Bytes file = std::move(state.bytes);
  const std::size_t size = file.size();
  file.reserve(size + kSeal);
  file.resize(size + 3 * kNumber);
  put_little_endian(file.data() + size, state.batches);
  put_little_endian(file.data() + size + kNumber, state.total);
  put_little_endian(file.data() + size + 2 * kNumber, kFormat);
  file.insert(file.end(), binding.bytes.begin(), binding.bytes.end());
  const Digest digest = sha256(file);
  file.insert(file.end(), digest.bytes.begin(), digest.bytes.end());
  TRIB_CHECK_OK(files_->make_directories(directory_));
  return files_->write_durably(path_, file);
}

Result<TrainingState> CheckpointStore::load(const Digest& binding) {
  Result<Bytes> file = files_->read(path_, limits::kCheckpointBytesMax);
  Result<TrainingState> state = file ? unseal(*std::move(file), binding) : file.error();
  if (!state) TRIB_CHECK_OK(remove());
  return state;
}

Status CheckpointStore::remove() {
  TRIB_CHECK_OK(files_->remove(path_ + ".new"));  // of a write that a crash cut off
  return files_->remove(path_);
}

}  // namespace tributary
