// SPDX-License-Identifier: Apache-2.0
// TaskCheckpoints: the checkpoints of one task's training: what they are bound to, when one is
// due, and what the site's log is told. Owned by the run of the task, its thread. No fault here is
// one of the training.
#pragma once

#include <functional>
#include <optional>

#include "client/work/checkpoint_store.h"
#include "client/work/work_log.h"
#include "common/base/clock.h"

namespace tributary {

// Belongs to the site, and outlives its trainings.
struct Checkpointing {
  CheckpointStore& store;
  const Clock& clock;
  Milliseconds every{0};                // 0: never
  std::function<bool()> shutting_down;  // the process is to end: what is half done is worth keeping
};

class TaskCheckpoints {
 public:
  // All outlive this. `seed` is that of the shuffle; `validation` of a training that stops by it.
  TaskCheckpoints(const Checkpointing& site, const WorkLog& log, const Task& task,
                  std::uint64_t seed, const ExampleSet& data,
                  const ExampleSet* validation = nullptr);

  // Where an earlier life's training of this task stood. What else lies there is removed.
  std::optional<TrainingState> take_up();
  bool due();
  void keep(Result<TrainingState> state);
  void drop(const Error& why);  // what was taken up is of no use

 private:
  const Digest& binding();
  void note_failure(const Error& error);

  const Checkpointing& site_;
  const WorkLog& log_;
  const Task& task_;
  std::uint64_t seed_;
  const ExampleSet& data_;
  const ExampleSet* validation_;
  std::optional<Digest> binding_;
  TimePoint next_;
  TimePoint began_;  // making the one that was due
  bool failure_told_ = false;
};

}  // namespace tributary
