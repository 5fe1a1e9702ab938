// SPDX-License-Identifier: Apache-2.0
// What a site computes: the initial model, a round's training, an evaluation, the model for Python. Functions without
// state, any thread, several at a time with threads = 1; with the same inputs and threads = 1 they give the same bits.
// No Torch in this header. They read no files but the job's TorchScript module, keep nothing, and log nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "client/data/example_set.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/domain/evaluation.h"
#include "common/domain/job_spec.h"
#include "common/tensor/layout.h"

namespace tributary {

// `model_file_path` here and below: the job's TorchScript module, its digest already checked; empty for built-in families.
// The layout is the parameters, then the float buffers, in module order. Every site computes the same bits.
Result<Model> initial_model(const JobSpec& job, const std::vector<std::int64_t>& input_shape,
                            const std::string& model_file_path);

struct TrainRequest {
  const JobSpec& job;
  RoundNumber round = 1;            // learning_rate_decay counts from it
  const Model& global;
  const ExampleSet& data;           // training rows of this site
  std::uint64_t shuffle_seed = 0;   // also seeds dropout
  int threads = 1;
  std::function<bool()> should_stop;  // may be empty; asked before every batch
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // may be empty; after every batch
  std::string model_file_path;
};

struct TrainOutput {
  Model update;                     // local - global, same layout
  double train_loss = 0.0;          // mean over the examples of the last epoch
  double update_norm = 0.0;         // L2
  std::uint64_t examples = 0;       // rows of the data, however often they were seen
  std::uint64_t batches = 0;
  double seconds = 0.0;
};

// Errors: kCancelled when should_stop said so; kFailedPrecondition when the site has no rows, the data does not fit
// the model, or the loss stops being a finite number; kInvalidArgument for what the job got wrong.
Result<TrainOutput> train(const TrainRequest& request);

// Loss, hits and score histogram of the model on `data`; zero counts for no rows.
Result<EvaluationCounts> evaluate(const JobSpec& job, const Model& global, const ExampleSet& data, int threads,
                                  const std::string& model_file_path);

// Writes the model as TorchScript to `path`: torch.jit.load(path) of Python gives a module whose state_dict has the
// layout's names.
Status save_torchscript(const JobSpec& job, const Model& model, const std::vector<std::int64_t>& input_shape,
                        const std::string& model_file_path, const std::string& path);

}  // namespace tributary
