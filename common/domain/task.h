// SPDX-License-Identifier: Apache-2.0
// Task: one piece of work for one site, and its results. Plain values, any thread. Life of a job:
//   prepare (each site summarises its data) -> initialize (each site builds the same initial model
//   from the seed and names its digest; one uploads it) -> per round: train, then evaluate.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/domain/data_plan.h"
#include "common/domain/evaluation.h"
#include "common/domain/reason.h"
#include "common/domain/round_policy.h"

namespace tributary {

enum class TaskKind { kPrepare, kInitialize, kTrain, kEvaluate };
std::string_view task_kind_name(TaskKind kind);  // "prepare" ...

struct TaskKey {
  JobId job;
  RoundNumber round = 0;  // 0 for prepare and initialize
  AttemptNumber attempt = 1;
  TaskKind kind = TaskKind::kTrain;
  auto operator<=>(const TaskKey&) const = default;
};

std::string to_string(const TaskKey& key);  // "heart-1f2e/round 3/attempt 1/train"

struct BlobRef {
  Digest digest;
  std::uint64_t bytes = 0;
  bool operator==(const BlobRef&) const = default;
};

// A model as what changed since an earlier one, for a site that holds that one.
struct ModelDelta {
  Digest base;   // of the earlier model's file
  BlobRef blob;  // the delta (common/tensor/model_delta.h); none: there is no such way
  bool operator==(const ModelDelta&) const = default;
};

// Of whoever submitted a job, over what cannot change on its way to the sites (common/trust).
struct JobSignature {
  std::int64_t signed_wall_ms = 0;
  std::string certificates;  // PEM: the signer's, then those between it and the root
  Bytes bytes;               // empty: the job is not signed
  bool operator==(const JobSignature&) const = default;
};

struct Task {
  TaskKey key;
  std::string document;          // the job file's text
  DataPlan plan;                 // empty for prepare
  BlobRef model;                 // train, evaluate: the global model to start from (safetensors)
  ModelDelta delta;              // a shorter way to `model`
  BlobRef model_file;            // torchscript module; none otherwise
  std::int64_t deadline_ms = 0;  // from receipt
  // train: the round of the site's last update that counts; 0: none yet. What the site carries from
  // round to round goes on from there.
  RoundNumber counted = 0;
  bool dry_run = false;  // of the job: it comes to no round
  JobSignature signature = {};
  // Of how many sites' updates a model is made at least, with what operators changed since the job
  // was submitted; 0: not told.
  std::uint32_t least_sites = 0;
  // train, where privacy.sites hides whole sites in secure sums: L2 norm of an update at most.
  double clip = 0.0;
  bool operator==(const Task&) const = default;
};

// Whether sites only say that they are ready with such a task of the job, and what it made is
// summed where nobody sees it.
bool summed_secretly(const JobSpec& spec, TaskKind kind);

// Of how many sites' updates a new model is made at least, by these words of a job.
std::int64_t least_sites_of(const RoundPolicy& rounds);

struct PrepareResult {
  DataSummary summary;
  bool operator==(const PrepareResult&) const = default;
};
struct InitializeResult {
  BlobRef model;  // safetensors of the initial model
  bool operator==(const InitializeResult&) const = default;
};
struct TrainResult {
  BlobRef update;              // safetensors of (local - global), same layout as the model
  std::uint64_t examples = 0;  // training rows
  double train_loss = 0.0;     // mean over the last epoch
  double update_norm = 0.0;    // L2
  double seconds = 0.0;
  double epsilon =
      0.0;  // of the site's records, spent by the job with this; 0: nothing is promised
  bool operator==(const TrainResult&) const = default;
};
struct EvaluateResult {
  EvaluationCounts counts;
  bool operator==(const EvaluateResult&) const = default;
};
struct TaskFailure {
  Reason reason = Reason::kTrainingFailed;
  std::string detail;  // for the log; never a path, value or record of the site
  bool operator==(const TaskFailure&) const = default;
};

using TaskOutcome =
    std::variant<TaskFailure, PrepareResult, InitializeResult, TrainResult, EvaluateResult>;

struct TaskResult {
  TaskKey key;
  TaskOutcome outcome;
  bool operator==(const TaskResult&) const = default;
};

}  // namespace tributary
