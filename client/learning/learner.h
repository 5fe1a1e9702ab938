// SPDX-License-Identifier: Apache-2.0
// What a site computes: the initial model, a round's training, an evaluation, the model for Python.
// Functions without state, any thread, several at a time with threads = 1; with the same inputs and
// threads = 1 they give the same bits on a processor, a training that goes on from a checkpoint
// too; but for a training under privacy.records, whose samples and noise nobody can repeat. No
// Torch in this header. They read and write no files, keep nothing, and log nothing. Learner is
// where they are carried out: in this process, or in one that is confined (client/confined).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/data/example_set.h"
#include "client/learning/device.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/domain/evaluation.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"

namespace tributary {

// `module_file` here and below: the bytes of the job's TorchScript module, their digest already
// checked; for built-in families those of the weights to start from (transfer.start), or empty. A
// module is refused (kPermissionDenied) where it is made of more than arithmetic, see
// script_operators.h. The layout is the parameters, then the float buffers, in module order. Every
// site computes the same bits.
Result<Model> initial_model(const JobSpec& job, const std::vector<std::int64_t>& input_shape,
                            ByteView module_file);

// Where a training stands between two batches. Good for the same request only: whoever keeps it
// sees to that.
struct TrainingState {
  std::uint64_t batches = 0;  // done
  std::uint64_t total = 0;
  Bytes bytes;  // weights, optimiser, random numbers; of this machine and software
};

struct TrainRequest {
  const JobSpec& job;
  RoundNumber round = 1;  // train.schedule goes by it
  const Model& global;
  const ExampleSet& data;          // training rows of this site
  std::uint64_t shuffle_seed = 0;  // also seeds dropout
  int threads = 1;
  std::function<bool()> should_stop;  // may be empty; asked before every batch
  std::function<void(std::uint64_t done, std::uint64_t total)>
      progress;  // may be empty; after every batch
  ByteView module_file;
  // Where an earlier training of this request stood, or nothing. May be empty; asked once.
  std::function<std::optional<TrainingState>()> resume = {};
  // Both or neither. Due is asked between batches, after should_stop; then the state is handed
  // over, or why there is none.
  std::function<bool()> checkpoint_due = {};
  std::function<void(Result<TrainingState> state)> checkpoint = {};
  // Where the training starts instead of at the global model: as `global`, but for the tensors that
  // stay at the site, or a personal model. May be null.
  const Model* start = nullptr;
  // For the client algorithm, see AlgorithmStart.
  std::span<const float> server = {};
  std::span<const float> own = {};
  std::uint64_t memory_bytes = 0;  // see Leash
  Device device = Device::kCpu;    // see device_for
  // Rows that train nothing, for train.local_stop; null or none: all passes are trained.
  const ExampleSet* validation = nullptr;
};

struct TrainOutput {
  Model update;                   // local - global, same layout; zeros where a tensor stays local
  std::vector<float> companions;  // what goes behind the update (common/tensor/companions.h)
  std::vector<float> own;         // what the client algorithm keeps at the site for the next time
  std::vector<float> local;       // of the tensors that stay, see take_local
  // Mean over the examples of the last epoch; 0 of a private training, where it would tell of them.
  double train_loss = 0.0;
  double update_norm = 0.0;    // L2
  std::uint64_t examples = 0;  // rows of the data, however often they were seen
  std::uint64_t batches = 0;
  double seconds = 0.0;    // with those before `resume`
  std::uint64_t rows = 0;  // of all batches; of a private training: those that were planned
  // Of a training with local_stop: behind so many batches the loss on the validation rows was
  // lowest, and those weights are the update's. 0: it was not looked at.
  std::uint64_t kept_batches = 0;
  double kept_loss = 0.0;
};

// Errors: kCancelled when should_stop said so; kFailedPrecondition when the site has no rows, the
// data does not fit the model, or the loss stops being a finite number; kInvalidArgument for what
// the job got wrong; kDataLoss when what `resume` gave is of no use: nothing was trained then, and
// without it the training is as ever.
Result<TrainOutput> train(const TrainRequest& request);

// Loss, hits and score histogram of the model on `data`; zero counts for no rows. `should_stop` may
// be empty; asked before every batch, and kCancelled then.
Result<EvaluationCounts> evaluate(const JobSpec& job, const Model& global, const ExampleSet& data,
                                  int threads, ByteView module_file,
                                  const std::function<bool()>& should_stop = {},
                                  Device device = Device::kCpu);

// The model as a file of TorchScript: torch.jit.load of Python gives a module whose state_dict has
// the layout's names.
Result<Bytes> export_torchscript(const JobSpec& job, const Model& model,
                                 const std::vector<std::int64_t>& input_shape,
                                 ByteView module_file);

// What holds a computation that takes place elsewhere.
struct Leash {
  std::function<bool()> should_stop;  // may be empty; kCancelled soon after it says so
  std::uint64_t memory_bytes = 0;     // that it may take; 0: three quarters of what is free
  Device device = Device::kCpu;       // of an evaluation; see device_for
};

// Where the functions above are carried out. Any thread, several at a time.
class Learner {
 public:
  virtual ~Learner() = default;
  virtual Result<Model> initial_model(const JobSpec& job,
                                      const std::vector<std::int64_t>& input_shape,
                                      ByteView module_file, const Leash& leash) const = 0;
  virtual Result<TrainOutput> train(const TrainRequest& request) const = 0;
  virtual Result<EvaluationCounts> evaluate(const JobSpec& job, const Model& global,
                                            const ExampleSet& data, int threads,
                                            ByteView module_file, const Leash& leash) const = 0;
  virtual Result<Bytes> export_torchscript(const JobSpec& job, const Model& model,
                                           const std::vector<std::int64_t>& input_shape,
                                           ByteView module_file, const Leash& leash) const = 0;
};

// Makes LibTorch, OpenSSL and the libraries below them look now at the processor, and at files that
// say what it is. A process that is about to be confined could not any more, and would compute
// other bits.
void warm_up_torch();

// In this process, without a leash on memory: for built-in families, and for modules of whoever
// runs the program.
const Learner& learner_in_process();

}  // namespace tributary
