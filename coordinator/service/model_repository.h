// SPDX-License-Identifier: Apache-2.0
// ModelRepository: the global models on disk, one safetensors file a round, written by fsync and
// rename:
//   DIRECTORY/JOB/round-0003.safetensors      the model after round 3 (round 0: the initial one)
//   DIRECTORY/JOB/optimizer-0003.safetensors  the server optimiser's state after it, if it has any
// Owned by the daemon; called from one worker at a time per job. It does not interpret models
// beyond their format.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/domain/task.h"
#include "common/storage/file_system.h"
#include "common/tensor/safetensors.h"

namespace tributary {

class ModelRepository {
 public:
  ModelRepository(FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  std::string model_path(const JobId& job, RoundNumber round) const;
  std::string optimizer_path(const JobId& job, RoundNumber round) const;

  Result<BlobRef> save_model(const JobId& job, RoundNumber round, const Model& model);
  Status save_optimizer(const JobId& job, RoundNumber round, const Model& state);
  Result<std::unique_ptr<ReadFile>> open_model(const JobId& job, RoundNumber round) const;
  Result<Bytes> read_model_bytes(const JobId& job, RoundNumber round) const;
  Result<Model> load_model(const JobId& job, RoundNumber round) const;
  // None where the optimiser had no state to keep.
  Result<std::optional<Model>> load_optimizer(const JobId& job, RoundNumber round) const;

 private:
  FileSystem& files_;
  std::string directory_;
};

}  // namespace tributary
