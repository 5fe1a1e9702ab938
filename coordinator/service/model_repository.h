// SPDX-License-Identifier: Apache-2.0
// ModelRepository: the global models on disk, one safetensors file a round, written beside their
// place, synced and renamed:
//   DIRECTORY/JOB/round-0003.safetensors        the model after round 3 (round 0: the initial one)
//   DIRECTORY/JOB/optimizer-0003-m.safetensors  the server optimiser's state after it: one file for
//                                               each of its vectors, with the model's own tensors;
//                                               its metadata says which optimiser's and which
//   DIRECTORY/JOB/algorithm-0003-h.safetensors  likewise the state of the algorithm's server half
//   DIRECTORY/JOB/downloads-0003-target.safetensors
//                                               where sites are sent deltas: the model as the
//                                               server made it, which the one of the round follows
//   DIRECTORY/JOB/delta-0003.safetensors        until sites may fetch it: what changed in the round
//   DIRECTORY/JOB/noise-0003.key                where noise is of sums over rounds: what it follows
//                                               from after it, for the daemon's user alone
// They are read and written in blocks. Owned by the daemon; called from one worker at a time per
// job. It does not interpret models beyond their format.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/crypto/digest.h"
#include "common/domain/task.h"
#include "common/storage/blob_store.h"
#include "common/tensor/safetensors_reader.h"
#include "coordinator/aggregation/tree_noise.h"

namespace tributary {

// The values of a safetensors file; it keeps the file open.
Result<std::unique_ptr<SafetensorsReader>> read_values(std::unique_ptr<ReadFile> file);

// A safetensors file as it is written. Without commit() nothing of it stays.
class ModelFile final : public ValueSink {
 public:
  using Metadata = std::map<std::string, std::string>;
  static Result<std::unique_ptr<ModelFile>> create(FileSystem& files, std::string path,
                                                   const Layout& layout,
                                                   const Metadata& metadata = {});
  // Without a header: all of it is appended.
  static Result<std::unique_ptr<ModelFile>> create(FileSystem& files, std::string path);
  ~ModelFile() override;
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  Status write(std::span<const float> values) override;
  Status append(ByteView bytes);
  // All values are written: durable under its name when it returns.
  Result<BlobRef> commit();

 private:
  ModelFile(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  FileSystem& files_;
  std::string path_;
  std::unique_ptr<AppendFile> file_;
  Hasher hasher_;
  std::uint64_t bytes_ = 0;
};

enum class StateOf { kServerOptimizer, kAlgorithm, kDownloads };

// One vector of a state, by the name of what it belongs to and its own.
struct StateName {
  std::string_view owner;
  std::string_view vector;
  StateOf of = StateOf::kServerOptimizer;
};

// A state that sites are sent with the model: its tensors stand after the model's, as NAME/TENSOR.
struct SentState {
  StateName state;
  std::string_view name;
};

class ModelRepository {
 public:
  ModelRepository(FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  std::string model_path(const JobId& job, RoundNumber round) const;
  std::string state_path(const JobId& job, RoundNumber round, const StateName& state) const;
  std::string delta_path(const JobId& job, RoundNumber round) const;

  Result<std::unique_ptr<ModelFile>> create_model(const JobId& job, RoundNumber round,
                                                  const Layout& layout);
  Result<std::unique_ptr<ModelFile>> create_state(const JobId& job, RoundNumber round,
                                                  const StateName& state, const Layout& layout);
  Result<std::unique_ptr<ReadFile>> open_model(const JobId& job, RoundNumber round) const;
  Result<std::unique_ptr<SafetensorsReader>> read_model(const JobId& job, RoundNumber round) const;
  // kDataLoss where it is missing, or of another optimiser or vector: starting from zeros would be
  // another algorithm, and nobody would see it.
  Result<std::unique_ptr<SafetensorsReader>> read_state(const JobId& job, RoundNumber round,
                                                        const StateName& state) const;
  // A round is finished again after a crash, so the state before it stays; older ones are of no
  // use.
  Status remove_old_state(const JobId& job, RoundNumber round, const StateName& state);
  Result<BlobRef> digest_of(const JobId& job, RoundNumber round) const;  // reads the whole file
  // kDataLoss, naming the model's file, where its digest is not the committed one.
  Status is_committed(const JobId& job, RoundNumber round, const Digest& found,
                      const Digest& committed) const;
  // The same for what sites are sent; reads all of it.
  Status check(const JobId& job, RoundNumber round, const Digest& sent,
               const std::optional<SentState>& along) const;
  // What sites are sent: the model's file as it is, or one with `along` after its tensors.
  // sent_file says which bytes these are; publish puts them into the blob store.
  Result<BlobRef> sent_file(const JobId& job, RoundNumber round, const SentState& along) const;
  Status publish(const JobId& job, RoundNumber round, const BlobRef& sent,
                 const std::optional<SentState>& along, BlobStore& blobs) const;
  // What changed in a round, until it is in the blob store.
  Result<std::unique_ptr<ModelFile>> create_delta(const JobId& job, RoundNumber round);
  Result<std::unique_ptr<ReadFile>> open_delta(const JobId& job, RoundNumber round) const;
  Status publish_delta(const JobId& job, RoundNumber round, const BlobRef& delta, BlobStore& blobs);
  Status remove_delta(const JobId& job, RoundNumber round);

  // The tree of a job's noise (noise_file.cc), durable when it returns.
  std::string noise_path(const JobId& job, RoundNumber round) const;
  bool has_noise(const JobId& job, RoundNumber round) const;
  Status write_noise(const JobId& job, const NoiseTree& tree);
  // kDataLoss where it is gone, or not what was written for this job, this round and passes of so
  // many: noise of another tree would not cancel that of this one, and nobody would see it.
  Result<NoiseTree> read_noise(const JobId& job, RoundNumber round,
                               std::uint32_t rounds_per_pass) const;
  Status check_noise(const JobId& job, RoundNumber round, std::uint32_t rounds_per_pass) const;
  Status remove_noise(const JobId& job, RoundNumber round);
  Status remove_noise(const JobId& job);  // of all rounds: what it hides is hidden for good

 private:
  Result<std::unique_ptr<ModelFile>> create(const JobId& job, std::string path,
                                            const Layout& layout,
                                            const ModelFile::Metadata& metadata);
  Status read_sent(const JobId& job, RoundNumber round, const SentState& along,
                   const std::function<Status(ByteView)>& take) const;
  FileSystem& files_;
  std::string directory_;
};

}  // namespace tributary
