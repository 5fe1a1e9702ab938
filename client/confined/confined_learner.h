// SPDX-License-Identifier: Apache-2.0
// ConfinedLearner: the learner of a site. What code of others takes part in, a TorchScript module,
// is carried out in a process of its own that can reach no file, no network and no more memory than
// it is given, and that ends when it is told to or is killed. Built-in families are ours: they stay
// in this process. Thread-safe; each call is one process, and waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "client/learning/learner.h"
#include "client/sandbox/child_process.h"
#include "common/base/clock.h"

namespace tributary {

// --- limits ---
// From its start until a module is loaded, checked and tried out on two rows, in ms: LibTorch takes
// one second, a module of hundreds of MB some more. After that a task has its own deadline.
inline constexpr std::int64_t kModuleLoadMs = 60'000;
// From the word to stop until it is killed, in ms: for the batch in hand and a checkpoint, and half
// of what a daemon has for its end (limits::kShutdownMs).
inline constexpr std::int64_t kModuleStopMs = 5'000;
// What an answer may have beyond what follows from the model and the module, in bytes: names, the
// state of generators, code.
inline constexpr std::uint64_t kAnswerRoomBytes = 64u << 20;

class ConfinedLearner final : public Learner {
 public:
  struct Ports {
    const Clock& clock;
    std::function<std::uint64_t()> free_memory;  // bytes, of the machine
    std::string program = kOwnProgram;           // whose main() knows kConfinedCommand
    Milliseconds load{kModuleLoadMs};
    Milliseconds stop{kModuleStopMs};
  };
  explicit ConfinedLearner(Ports ports) : ports_(std::move(ports)) {}

  // Errors beside those of learner.h: kDeadlineExceeded when the module does not get through
  // loading; kResourceExhausted, kPermissionDenied and kFailedPrecondition when its process ended.
  // Progress comes at most every 20 ms, not after every batch.
  Result<Model> initial_model(const JobSpec& job, const std::vector<std::int64_t>& input_shape,
                              ByteView module_file, const Leash& leash) const override;
  Result<TrainOutput> train(const TrainRequest& request) const override;
  Result<EvaluationCounts> evaluate(const JobSpec& job, const Model& global, const ExampleSet& data,
                                    int threads, ByteView module_file,
                                    const Leash& leash) const override;
  Result<Bytes> export_torchscript(const JobSpec& job, const Model& model,
                                   const std::vector<std::int64_t>& input_shape,
                                   ByteView module_file, const Leash& leash) const override;

 private:
  std::uint64_t memory_of(std::uint64_t allowed_bytes) const;

  Ports ports_;
};

}  // namespace tributary
