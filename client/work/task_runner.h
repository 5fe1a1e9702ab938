// SPDX-License-Identifier: Apache-2.0
// TaskRunner: carries one task out and gives its result, with every failure as a result too. One
// task at a time, on any thread. It talks to nobody: models come from the blob store, updates go
// there.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "client/learning/learner.h"
#include "client/sums/sum_gifts.h"
#include "client/work/carried_store.h"
#include "client/work/job_gate.h"
#include "client/work/record_budget.h"
#include "client/work/resources.h"
#include "client/work/site_data.h"
#include "client/work/task_checkpoints.h"
#include "common/base/ids.h"
#include "common/storage/blob_store.h"
#include "common/tensor/companions.h"
#include "common/tensor/layout.h"

namespace tributary {

// Where the site finds its own models: DIRECTORY/JOB.safetensors, anew after each evaluation.
struct PersonalModels {
  FileSystem& files;
  std::string directory;
};

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
    JobGate* gate = nullptr;                        // null: every job may run
    std::optional<CarriedStore> carried = {};       // none: each round is as the first
    std::optional<PersonalModels> personal = {};
    std::optional<PrivacyLedger> ledger = {};  // none: no job with privacy.records trains
    bool evaluator = false;                    // it judges models of jobs that sites do not judge
    std::optional<SumGifts> gifts = {};        // none: no job with secure sums trains
    const Learner& learner = learner_in_process();  // who carries out what code of jobs takes part
    Device device = Device::kCpu;                   // what models are computed on, see device_for
  };
  explicit TaskRunner(Ports ports) : ports_(std::move(ports)) {}

  // From the next training on; nothing where it keeps no checkpoints.
  void set_checkpoint_every(Milliseconds every) {
    if (ports_.checkpoints) ports_.checkpoints->every = every;
  }
  // The blobs that the task names are in the store.
  TaskResult run(const Task& task, const std::function<bool()>& should_stop,
                 const std::function<void(std::uint64_t done, std::uint64_t total)>& progress);
  // The result of that run is durable, so that a crash cannot cost the training any more; or nobody
  // wants it.
  void ended(const TaskKey& key);

 private:
  // What is known of the task that is carried out.
  struct Work {
    const Task& task;
    const JobSpec& job;
    const SitePolicy& policy;
    const std::function<bool()>& should_stop;
    const std::function<void(std::uint64_t, std::uint64_t)>& progress;
    mutable Bytes module_file = {};  // empty where the job has none
    mutable std::string local_detail = {};
    mutable Reason reason = Reason::kTrainingFailed;  // what an error means here
  };

  Status deny(const Work& work, const Status& permitted) const;
  Status check_model(const Work& work, const Layout& layout) const;
  Leash leash(const Work& work) const;
  void tell_begin(const Work& work, std::int64_t examples) const;
  Result<TaskOutcome> perform(const Work& work);
  Result<TaskOutcome> prepare(const Work& work);
  Result<TaskOutcome> initialize(const Work& work);
  Result<TaskOutcome> train_round(const Work& work);
  Status within_budget(const Work& work, const Status& budget) const;
  Result<double> spend(const Work& work, RecordBudget* budget) const;
  Result<TrainOutput> train_on(const Work& work, const SiteExamples& data, const SentModel& sent,
                               const Carried& before);
  void tell_start(const Work& work, const Layout& layout) const;
  void tell_kept(const Work& work, const TrainOutput& trained) const;
  // The rows by which a training of the job stops; null where it does not.
  static const ExampleSet* judging_rows(const JobSpec& job, const SiteExamples& data);
  Result<std::vector<float>> train_personal(const Work& work, const SiteExamples& data,
                                            const Model& global, const Carried& before);
  // Whether the model was trained on for the site alone.
  Result<bool> fine_tune(const Work& work, const SiteExamples& data, Model& model);
  Result<Carried> carried_before(const Work& work);
  Result<TaskOutcome> evaluate_model(const Work& work);
  Result<EvaluationCounts> evaluate_as(const Work& work, const char* name, const Model& model,
                                       const ExampleSet& data);
  Status export_personal(const Work& work, const Model& model);
  Result<std::shared_ptr<const SiteExamples>> examples(const Work& work);
  Result<SentModel> sent_model(const Work& work);
  Status check_resources(const Work& work, std::uint64_t model_bytes) const;
  Result<BlobRef> store(const Work& work, ByteView file);
  Result<Bytes> encode(const Work& work, const Model& update, const Carried& before, Carried& left);
  Result<TaskOutcome> ready_for_sum(const Work& work, const TrainResult& trained,
                                    std::vector<float> update) const;
  Status keep_for_sum(const Work& work, const SumGift& gift) const;
  TaskFailure failure(const Work& work, const Error& error) const;

  Ports ports_;
  std::shared_ptr<const SiteExamples> loaded_;  // by the last task
  std::optional<TaskKey> begun_;  // the last training, whose checkpoint goes when it has ended
};

}  // namespace tributary
