// SPDX-License-Identifier: Apache-2.0
// TaskRunner: carries one task out and gives its result, with every failure as a result too. One
// task at a time, on any thread. It talks to nobody: models come from the blob store, updates go
// there.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "client/work/residual_store.h"
#include "client/work/resources.h"
#include "client/work/site_data.h"
#include "client/work/task_checkpoints.h"
#include "common/base/ids.h"
#include "common/domain/site_policy.h"
#include "common/storage/blob_store.h"
#include "common/tensor/layout.h"

namespace tributary {

class TaskRunner {
 public:
  struct Ports {
    SiteName site;  // part of the shuffle's seed
    SiteData& data;
    BlobStore& blobs;
    int threads = 1;
    WorkLog log;
    std::optional<Checkpointing> checkpoints = {};  // none: each training starts anew
    std::function<Resources()> resources = {};      // none: whatever it takes is there
    SitePolicy policy = {};
    std::optional<ResidualStore> residuals = {};  // none: what an encoding leaves out is lost
  };
  explicit TaskRunner(Ports ports) : ports_(std::move(ports)) {}

  // The blobs that the task names are in the store.
  TaskResult run(const Task& task, const std::function<bool()>& should_stop,
                 const std::function<void(std::uint64_t done, std::uint64_t total)>& progress);
  // The result of that run is durable, so that a crash cannot cost the training any more; or nobody
  // wants it.
  void ended(const TaskKey& key);

 private:
  struct Work;

  Status check_policy(const Work& work) const;
  Result<TaskOutcome> perform(const Work& work);
  Result<TaskOutcome> prepare(const Work& work);
  Result<TaskOutcome> initialize(const Work& work);
  Result<TaskOutcome> train_round(const Work& work);
  Result<TrainOutput> train_on(const Work& work, const ExampleSet& data, const Model& global);
  Result<TaskOutcome> evaluate_model(const Work& work);
  Result<std::shared_ptr<const SiteExamples>> examples(const Work& work);
  Result<Model> global_model(const Work& work);
  Status check_resources(const Work& work, std::uint64_t model_bytes) const;
  Result<BlobRef> store(const Work& work, ByteView file);
  Result<Bytes> encode(const Work& work, Model update);
  TaskFailure failure(const Task& task, const Work* work, const Error& error) const;

  Ports ports_;
  std::shared_ptr<const SiteExamples> loaded_;  // by the last task
  std::optional<TaskKey> begun_;  // the last training, whose checkpoint goes when it has ended
};

}  // namespace tributary
