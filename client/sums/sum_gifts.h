// SPDX-License-Identifier: Apache-2.0
// SumGifts: what a site's training or evaluation has for a secure sum, as one file of a folder for
// each job, until its round is committed: so that neither a crash nor another attempt costs the
// training. It never leaves the site in this form. Thread-safe; the file system serves it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/domain/task.h"
#include "common/storage/file_system.h"

namespace tributary {

struct SumGift {
  TaskKey key;  // of the attempt that it was made in; others of its round are given it too
  std::string document;
  Digest model;                   // trained from, or judged
  std::uint32_t least_sites = 0;  // of the task
  double clip = 0.0;              // of the task; 0: its sum hides no sites
  std::uint64_t examples = 0;     // of a training
  double train_loss = 0.0;
  std::vector<std::uint64_t> counts;  // of an evaluation (common/domain/counted_numbers.h)
  std::vector<float> update;          // of a training
};

// Of a task with the same model.
SumGift gift_for(const Task& task);

class SumGifts {
 public:
  // Nothing is touched before it is needed. `files` outlives it.
  SumGifts(FileSystem& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}

  // The job's newest; durable when it returns.
  Status keep(const SumGift& gift) const;
  // What the job has for this task, or another attempt at it. kNotFound: nothing.
  Result<SumGift> find(const TaskKey& key) const;
  // The round is committed: its training, and what is older, is asked for no more. Its evaluation
  // is still to come, or here already.
  Status forget_training(const JobId& job, RoundNumber round) const;
  Status forget(const TaskKey& key) const;  // of this task

 private:
  std::string path(const JobId& job) const { return directory_ + "/" + job.value + ".gift"; }
  Result<SumGift> read(const JobId& job) const;

  FileSystem* files_;
  std::string directory_;
};

}  // namespace tributary
