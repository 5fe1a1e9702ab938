// SPDX-License-Identifier: Apache-2.0
// What a site computes: the initial model, a round's training, an evaluation, the model for Python.
// Functions without state, any thread, several at a time with threads = 1; with the same inputs and
// threads = 1 they give the same bits, a training that goes on from a checkpoint too. No Torch in
// this header. They read no files but the job's TorchScript module, keep nothing, and log nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/data/example_set.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/domain/evaluation.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"

namespace tributary {

// `model_file_path` here and below: the job's TorchScript module, its digest already checked; empty
// for built-in families. The layout is the parameters, then the float buffers, in module order.
// Every site computes the same bits.
Result<Model> initial_model(const JobSpec& job, const std::vector<std::int64_t>& input_shape,
                            const std::string& model_file_path);

// Where a training stands between two batches. Good for the same request only: whoever keeps it
// sees to that.
struct TrainingState {
  std::uint64_t batches = 0;  // done
  std::uint64_t total = 0;
  Bytes bytes;  // weights, optimiser, random numbers; of this machine and software
};

struct TrainRequest {
  const JobSpec& job;
  RoundNumber round = 1;  // learning_rate_decay counts from it
  const Model& global;
  const ExampleSet& data;          // training rows of this site
  std::uint64_t shuffle_seed = 0;  // also seeds dropout
  int threads = 1;
  std::function<bool()> should_stop;  // may be empty; asked before every batch
  std::function<void(std::uint64_t done, std::uint64_t total)>
      progress;  // may be empty; after every batch
  std::string model_file_path;
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
};

struct TrainOutput {
  Model update;                   // local - global, same layout; zeros where a tensor stays local
  std::vector<float> companions;  // what goes behind the update (common/tensor/companions.h)
  std::vector<float> own;         // what the client algorithm keeps at the site for the next time
  std::vector<float> local;       // of the tensors that stay, see take_local
  double train_loss = 0.0;        // mean over the examples of the last epoch
  double update_norm = 0.0;       // L2
  std::uint64_t examples = 0;     // rows of the data, however often they were seen
  std::uint64_t batches = 0;
  double seconds = 0.0;  // with those before `resume`
};

// Errors: kCancelled when should_stop said so; kFailedPrecondition when the site has no rows, the
// data does not fit the model, or the loss stops being a finite number; kInvalidArgument for what
// the job got wrong; kDataLoss when what `resume` gave is of no use: nothing was trained then, and
// without it the training is as ever.
Result<TrainOutput> train(const TrainRequest& request);

// Loss, hits and score histogram of the model on `data`; zero counts for no rows.
Result<EvaluationCounts> evaluate(const JobSpec& job, const Model& global, const ExampleSet& data,
                                  int threads, const std::string& model_file_path);

// Writes the model as TorchScript to `path`: torch.jit.load(path) of Python gives a module whose
// state_dict has the layout's names.
Status save_torchscript(const JobSpec& job, const Model& model,
                        const std::vector<std::int64_t>& input_shape,
                        const std::string& model_file_path, const std::string& path);

}  // namespace tributary
