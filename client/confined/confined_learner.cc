// SPDX-License-Identifier: Apache-2.0
#include "client/confined/confined_learner.h"

#include "client/confined/errand_run.h"

namespace tributary {
namespace {

OrderHead head_of(Errand errand, const JobSpec& job, const std::vector<std::int64_t>& input_shape) {
  OrderHead head;
  head.errand = errand;
  head.job = job;
  head.input_shape = input_shape;
  return head;
}

// Weights to start from (transfer.start) are numbers, for models that are ours.
bool brings_code(const JobSpec& job, ByteView module_file) {
  return !module_file.empty() && !(job.transfer.start && job.model.name != "torchscript");
}

void add_data(const ExampleSet& data, OrderHead& head, OrderArrays& arrays) {
  head.rows = data.rows;
  arrays.inputs = data.inputs;
  arrays.targets = data.targets;
  arrays.labels = data.labels;
}

// Of an answer: what a training changes and its optimiser gathers, and the module.
std::uint64_t bytes_max(const Model& model, ByteView module_file) {
  constexpr std::uint64_t kCopies = 8;
  return kAnswerRoomBytes + kCopies * sizeof(float) * model.values.size() + 2 * module_file.size();
}

// kCancelled and kDataLoss mean something to whoever trains (stopped, or a checkpoint of no use):
// the child's word counts only where it can be true.
template <typename T>
Result<T> plausible(Result<T> result, bool resumed, const std::function<bool()>& should_stop) {
  if (result) return result;
  const ErrorCode code = result.error().code;
  const bool false_stop = code == ErrorCode::kCancelled && !(should_stop && should_stop());
  if (false_stop || (code == ErrorCode::kDataLoss && !resumed))
    return make_error(ErrorCode::kFailedPrecondition, result.error().message);
  return result;
}

}  // namespace

std::uint64_t ConfinedLearner::memory_of(std::uint64_t allowed_bytes) const {
  if (allowed_bytes > 0) return allowed_bytes;
  const std::uint64_t free = ports_.free_memory();
  return free - free / 4;
}

Result<Model> ConfinedLearner::initial_model(const JobSpec& job,
                                             const std::vector<std::int64_t>& input_shape,
                                             ByteView module_file, const Leash& leash) const {
  if (!brings_code(job, module_file))
    return learner_in_process().initial_model(job, input_shape, module_file, leash);
  OrderHead head = head_of(Errand::kInitialModel, job, input_shape);
  head.memory_bytes = memory_of(leash.memory_bytes);
  OrderArrays arrays;
  arrays.module_file = module_file;
  TRIB_TRY(answer, ErrandRun(ports_, leash.should_stop, nullptr)
                       .run(head, arrays, bytes_max(Model{}, module_file)));
  return plausible(read_model(answer), false, leash.should_stop);
}

Result<TrainOutput> ConfinedLearner::train(const TrainRequest& request) const {
  if (!brings_code(request.job, request.module_file)) return learner_in_process().train(request);
  OrderHead head = head_of(Errand::kTrain, request.job, request.data.input_shape);
  head.memory_bytes = memory_of(request.memory_bytes);
  head.threads = request.threads;
  head.layout = request.global.layout;
  head.round = request.round;
  head.shuffle_seed = request.shuffle_seed;
  head.has_start = request.start != nullptr;
  head.checkpoints = static_cast<bool>(request.checkpoint_due);
  if (request.resume) head.resume = request.resume();
  OrderArrays arrays;
  add_data(request.data, head, arrays);
  if (request.validation != nullptr) {
    head.validation_rows = request.validation->rows;
    arrays.validation_inputs = request.validation->inputs;
    arrays.validation_targets = request.validation->targets;
    arrays.validation_labels = request.validation->labels;
  }
  arrays.module_file = request.module_file;
  arrays.global = request.global.values;
  arrays.server = request.server;
  arrays.own = request.own;
  if (head.has_start) arrays.start = request.start->values;
  if (head.resume) arrays.resume = head.resume->bytes;
  TRIB_TRY(answer, ErrandRun(ports_, request.should_stop, &request)
                       .run(head, arrays, bytes_max(request.global, request.module_file)));
  return plausible(read_training(answer, request.job, request.global), head.resume.has_value(),
                   request.should_stop);
}

Result<EvaluationCounts> ConfinedLearner::evaluate(const JobSpec& job, const Model& global,
                                                   const ExampleSet& data, int threads,
                                                   ByteView module_file, const Leash& leash) const {
  if (!brings_code(job, module_file))
    return learner_in_process().evaluate(job, global, data, threads, module_file, leash);
  OrderHead head = head_of(Errand::kEvaluate, job, data.input_shape);
  head.memory_bytes = memory_of(leash.memory_bytes);
  head.threads = threads;
  head.layout = global.layout;
  OrderArrays arrays;
  add_data(data, head, arrays);
  arrays.module_file = module_file;
  arrays.global = global.values;
  TRIB_TRY(answer, ErrandRun(ports_, leash.should_stop, nullptr)
                       .run(head, arrays, bytes_max(global, module_file)));
  return plausible(read_counts(answer, job.data), false, leash.should_stop);
}

Result<Bytes> ConfinedLearner::export_torchscript(const JobSpec& job, const Model& model,
                                                  const std::vector<std::int64_t>& input_shape,
                                                  ByteView module_file, const Leash& leash) const {
  if (!brings_code(job, module_file))
    return learner_in_process().export_torchscript(job, model, input_shape, module_file, leash);
  OrderHead head = head_of(Errand::kExport, job, input_shape);
  head.memory_bytes = memory_of(leash.memory_bytes);
  head.layout = model.layout;
  OrderArrays arrays;
  arrays.module_file = module_file;
  arrays.global = model.values;
  TRIB_TRY(answer, ErrandRun(ports_, leash.should_stop, nullptr)
                       .run(head, arrays, bytes_max(model, module_file)));
  return plausible(read_bytes(answer), false, leash.should_stop);
}

}  // namespace tributary
