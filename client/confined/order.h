// SPDX-License-Identifier: Apache-2.0
// Order: what a confined process is asked to compute, and the answers, as they cross the channel.
// Plain values and functions, any thread. The child believes its parent's order; the parent holds
// every answer against what it ordered.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/data/example_set.h"
#include "client/learning/learner.h"
#include "client/sandbox/channel.h"
#include "common/domain/evaluation.h"

namespace tributary {

enum class Errand : std::uint32_t { kInitialModel, kTrain, kEvaluate, kExport, kProbe };

enum class ErrandFrame : std::uint32_t {
  // To the child.
  kOrder = 1,
  kArray,           // as many as an order has
  kStop,            // between two batches, please
  kWantCheckpoint,  // likewise
  kAsk,             // of a probe: a question, with the rows in an array behind it
  // To the parent.
  kConfined,  // from now on the module's code may run
  kWorking,   // the module was loaded, checked and tried out
  kProgress,
  kCheckpoint,
  kAnswer,
};

enum class Question : std::uint32_t { kOutputs, kGradients };  // as ModelProbe's

// The small part of an order.
struct OrderHead {
  Errand errand = Errand::kInitialModel;
  std::uint64_t memory_bytes = 0;
  int threads = 1;
  // What client/learning reads of it: model, target and classes, training, privacy of records,
  // seed.
  JobSpec job;
  std::vector<std::int64_t> input_shape;
  std::int64_t rows = 0;
  Layout layout;  // of the global model
  RoundNumber round = 1;
  std::uint64_t shuffle_seed = 0;
  bool has_start = false;
  bool checkpoints = false;
  std::optional<TrainingState> resume;  // its bytes are among the arrays
  std::int64_t validation_rows = 0;     // of a training that looks at some
};

// The large part, in place at the sender's; each may be empty.
struct OrderArrays {
  ByteView module_file, resume;
  std::span<const float> global, start, server, own, inputs, targets;
  std::span<const std::int64_t> labels;
  std::span<const float> validation_inputs = {}, validation_targets = {};
  std::span<const std::int64_t> validation_labels = {};
};

Status send_order(Channel& channel, const OrderHead& head, const OrderArrays& arrays);

struct Order {
  OrderHead head;
  Bytes module_file;
  Model global, start;
  std::vector<float> server, own;
  ExampleSet data, validation;
};
Result<Order> receive_order(Channel& channel);

// --- answers ---
// What an Error and its result become, and back. Reading: kProtocol for what cannot be read; the
// text of an error is made fit for a log.
Bytes answer_of(const Result<Model>& result);
Bytes answer_of(const Result<TrainOutput>& result);  // without the layout, which the parent knows
Bytes answer_of(const Result<EvaluationCounts>& result);
Bytes answer_of(const Result<Bytes>& result);
Result<Model> read_model(ByteView answer);
// As trained from `global` with the job's algorithm.
Result<TrainOutput> read_training(ByteView answer, const JobSpec& job, const Model& global);
Result<EvaluationCounts> read_counts(ByteView answer, const DataSpec& data);
Result<Bytes> read_bytes(ByteView answer);

Bytes checkpoint_frame(const Result<TrainingState>& state);
Result<TrainingState> read_checkpoint(ByteView frame);
Bytes progress_frame(std::uint64_t done, std::uint64_t total);
Result<std::pair<std::uint64_t, std::uint64_t>> read_progress(ByteView frame);

}  // namespace tributary
