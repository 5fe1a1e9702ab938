// SPDX-License-Identifier: Apache-2.0
// ModelRepository: the file that the noise of a job's next rounds follows from.
//   8 bytes   "TRIBTREE"
//   4 bytes   the round, little-endian
//   4 bytes   n, how many nodes are open
//   32 bytes  the seed
//   n * 32    their keys
//   32 bytes  SHA-256 of the job's id, a zero and all of the above
#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "common/crypto/digest.h"
#include "coordinator/service/model_repository.h"

namespace tributary {
namespace {

constexpr std::string_view kMagic = "TRIBTREE";
constexpr std::size_t kKeyBytes = sizeof(SecretKey::Value), kHeadBytes = 16;
constexpr std::size_t kNodesMax = 32;  // of a pass of 2^32 rounds
constexpr std::string_view kPrefix = "noise-", kSuffix = ".key";

// Wiped when it goes.
struct SecretBytes {
  explicit SecretBytes(std::size_t size) : bytes(size) {}
  explicit SecretBytes(Bytes taken) : bytes(std::move(taken)) {}
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(bytes); }
  Bytes bytes;
};

Digest check_of(const JobId& job, ByteView head) {
  Hasher hasher;
  hasher.update(as_bytes(job.value));
  hasher.update(as_bytes(std::string_view("\0", 1)));
  hasher.update(head);
  return hasher.finish();
}

SecretKey key_at(ByteView bytes, std::size_t at) {
  SecretKey::Value value{};
  std::ranges::copy(bytes.subspan(at, kKeyBytes), value.begin());
  SecretKey key(value);
  wipe(value);
  return key;
}

std::optional<NoiseTree> decode(const JobId& job, ByteView bytes) {
  if (bytes.size() < kHeadBytes + 2 * kKeyBytes) return std::nullopt;
  const ByteView told = bytes.first(bytes.size() - kKeyBytes);
  if (!std::ranges::equal(check_of(job, told).bytes, bytes.last(kKeyBytes)) ||
      as_text(told.first(kMagic.size())) != kMagic)
    return std::nullopt;
  const auto nodes = get_little_endian<std::uint32_t>(told.data() + 12);
  if (nodes > kNodesMax || told.size() != kHeadBytes + (1 + nodes) * kKeyBytes) return std::nullopt;
  NoiseTree tree{key_at(told, kHeadBytes), get_little_endian<std::uint32_t>(told.data() + 8), {}};
  for (std::size_t i = 1; i <= nodes; ++i)
    tree.nodes.push_back(key_at(told, kHeadBytes + i * kKeyBytes));
  return tree;
}

}  // namespace

std::string ModelRepository::noise_path(const JobId& job, RoundNumber round) const {
  char number[16];
  std::snprintf(number, sizeof number, "%04u", round);
  return directory_ + "/" + job.value + "/" + std::string(kPrefix) + number + std::string(kSuffix);
}

bool ModelRepository::has_noise(const JobId& job, RoundNumber round) const {
  return files_.exists(noise_path(job, round));
}

Status ModelRepository::write_noise(const JobId& job, const NoiseTree& tree) {
  const std::size_t told = kHeadBytes + (1 + tree.nodes.size()) * kKeyBytes;
  SecretBytes file(told + kKeyBytes);
  std::byte* const bytes = file.bytes.data();
  std::ranges::copy(as_bytes(kMagic), bytes);
  put_little_endian(bytes + 8, std::uint32_t{tree.round});
  put_little_endian(bytes + 12, static_cast<std::uint32_t>(tree.nodes.size()));
  std::ranges::copy(tree.seed.value(), bytes + kHeadBytes);
  for (std::size_t i = 0; i < tree.nodes.size(); ++i)
    std::ranges::copy(tree.nodes[i].value(), bytes + kHeadBytes + (i + 1) * kKeyBytes);
  const Digest check = check_of(job, ByteView(file.bytes).first(told));
  std::ranges::copy(check.bytes, bytes + told);
  return files_.write_private(noise_path(job, tree.round), file.bytes);
}

Result<NoiseTree> ModelRepository::read_noise(const JobId& job, RoundNumber round,
                                              std::uint32_t rounds_per_pass) const {
  const std::string path = noise_path(job, round);
  if (!files_.exists(path)) {
    return make_error(ErrorCode::kDataLoss,
                      path + " is missing: what the noise of the models after round " +
                          std::to_string(round) +
                          " was drawn from; other noise would not hide what it hides");
  }
  TRIB_TRY(read, files_.read(path, kHeadBytes + (2 + kNodesMax) * kKeyBytes));
  const SecretBytes file(std::move(read));
  std::optional<NoiseTree> tree = decode(job, file.bytes);
  if (tree && tree->round == round && fits(*tree, rounds_per_pass)) return *std::move(tree);
  return make_error(ErrorCode::kDataLoss,
                    path +
                        " is damaged, or of another job or round: the noise of the next rounds "
                        "cannot be drawn from it");
}

Status ModelRepository::check_noise(const JobId& job, RoundNumber round,
                                    std::uint32_t rounds_per_pass) const {
  TRIB_TRY(tree, read_noise(job, round, rounds_per_pass));
  static_cast<void>(tree);
  return {};
}

Status ModelRepository::remove_noise(const JobId& job, RoundNumber round) {
  return files_.remove(noise_path(job, round));
}

Status ModelRepository::remove_noise(const JobId& job) {
  const std::string folder = directory_ + "/" + job.value;
  const Result<std::vector<std::string>> names = files_.list(folder);
  if (!names) return names.error().code == ErrorCode::kNotFound ? Status{} : names.error();
  for (const std::string& name : *names) {
    // Also one that was being written when the process ended, which has an ending more.
    if (name.starts_with(kPrefix) && name.find(kSuffix) != name.npos)
      TRIB_CHECK_OK(files_.remove(folder + "/" + name));
  }
  return {};
}

}  // namespace tributary
