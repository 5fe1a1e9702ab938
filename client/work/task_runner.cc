// SPDX-License-Identifier: Apache-2.0
#include "client/work/task_runner.h"

#include <exception>

#include "client/learning/learner.h"
#include "client/policy/policy_check.h"
#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/base/text.h"
#include "common/config/encoding_choice.h"
#include "common/config/job_file.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/update_encoding.h"
#include "common/wire/message_codec.h"

namespace tributary {

struct TaskRunner::Work {
  const Task& task;
  const JobSpec& job;
  std::string model_file;  // path of the TorchScript module; empty where the job has none
  const std::function<bool()>& should_stop;
  const std::function<void(std::uint64_t, std::uint64_t)>& progress;
  mutable std::string local_detail = {};
  mutable Reason reason = Reason::kTrainingFailed;  // what an error means here
};

namespace {

void add_figures(EventFields& fields, const EvaluationFigures& figures) {
  fields.emplace_back("examples", static_cast<std::int64_t>(figures.examples));
  fields.emplace_back("loss", figures.loss);
  if (figures.accuracy) fields.emplace_back("accuracy", *figures.accuracy);
  if (figures.auc) fields.emplace_back("auc", *figures.auc);
  if (figures.f1) fields.emplace_back("f1", *figures.f1);
}

}  // namespace

TaskResult TaskRunner::run(const Task& task, const std::function<bool()>& should_stop,
                           const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  const auto file = parse_job(task.document, "job file");
  if (!file) return {task.key, failure(task, nullptr, file.error())};
  const bool has_file = !task.model_file.digest.is_none();
  const Work work{task, file->spec, has_file ? ports_.blobs.path(task.model_file.digest) : "",
                  should_stop, progress};
  Result<TaskOutcome> outcome = make_error(ErrorCode::kInternal, "");
  try {
    outcome = perform(work);
  } catch (const std::exception& error) {  // no memory for the data or the model
    outcome = make_error(ErrorCode::kResourceExhausted, error.what());
  }
  if (!outcome) {
    // A training that stops with its process is gone on with.
    if (ports_.checkpoints && ports_.checkpoints->shutting_down()) begun_.reset();
    return {task.key, failure(task, &work, outcome.error())};
  }
  TaskResult result{task.key, *std::move(outcome)};
  // What the coordinator would have to refuse as no message would be offered to it for ever.
  const Result<Bytes> sent = encode_message(result);
  const Result<Message> received = sent ? decode_message(*sent) : sent.error();
  if (!received) return {task.key, failure(task, &work, received.error())};
  return result;
}

// Before every task: a coordinator that skips the first one gets no further.
Status TaskRunner::check_policy(const Work& work) const {
  const Status permitted = permits(ports_.policy, work.job);
  if (permitted) return {};
  work.reason = Reason::kPolicyDenied;
  work.local_detail = permitted.error().message;
  return make_error(permitted.error().code, "the site's policy does not let this job run");
}

Result<TaskOutcome> TaskRunner::perform(const Work& work) {
  TRIB_CHECK_OK(check_policy(work));
  switch (work.task.key.kind) {
    case TaskKind::kPrepare:
      return prepare(work);
    case TaskKind::kInitialize:
      return initialize(work);
    case TaskKind::kTrain:
      return train_round(work);
    case TaskKind::kEvaluate:
      return evaluate_model(work);
  }
  return make_error(ErrorCode::kInternal, "unknown kind of task");
}

TaskFailure TaskRunner::failure(const Task& task, const Work* work, const Error& error) const {
  EventFields fields = fields_of(task.key);
  fields.emplace_back("task", std::string(task_kind_name(task.key.kind)));
  Reason reason = work == nullptr ? Reason::kModelInvalid : work->reason;
  if (error.code == ErrorCode::kNotFound && reason == Reason::kDataInvalid)
    reason = Reason::kDatasetMissing;
  if (error.code == ErrorCode::kCancelled) reason = Reason::kAborted;
  fields.emplace_back("reason", std::string(reason_name(reason)));
  const bool more = work != nullptr && !work->local_detail.empty();
  fields.emplace_back("detail", more ? work->local_detail : error.message);
  // What was stopped did not fail: task.dropped says why it ended.
  if (reason != Reason::kAborted) ports_.log("task.failed", std::move(fields));
  // What the operating system says names paths of the site, which are nobody else's business.
  if (reason == Reason::kStorageFailed) {
    return {reason, error.code == ErrorCode::kResourceExhausted
                        ? "the site's disk is full"
                        : "the site could not use its own files"};
  }
  return {reason, std::string(cut_utf8(error.message, limits::kLogValueBytesMax))};
}

Result<std::shared_ptr<const SiteExamples>> TaskRunner::examples(const Work& work) {
  work.reason = Reason::kDataInvalid;
  TRIB_TRY(examples, ports_.data.examples(work.job, work.task.plan, work.local_detail));
  work.reason = Reason::kTrainingFailed;
  if (examples != loaded_) {  // not when they were still there from the task before
    ports_.log("data.loaded",
               {{"job", work.task.key.job.value},
                {"dataset", work.job.data.dataset},
                {"training_rows", examples->training.rows},
                {"validation_rows", examples->validation.rows},
                {"dropped_rows", static_cast<std::int64_t>(examples->dropped_rows)},
                {"unknown_words", static_cast<std::int64_t>(examples->unknown_words)}});
    loaded_ = examples;
  }
  return examples;
}

// Told before the work is begun, not by the operating system in the middle of it.
Status TaskRunner::check_resources(const Work& work, std::uint64_t model_bytes) const {
  if (!ports_.resources) return {};
  work.reason = Reason::kResourcesShort;
  return enough_for(ports_.resources(), model_bytes);
}

Result<BlobRef> TaskRunner::store(const Work& work, ByteView file) {
  work.reason = Reason::kStorageFailed;
  TRIB_TRY(digest, ports_.blobs.put(file));
  return BlobRef{digest, file.size()};
}

// As the job wants updates written; what that leaves out is kept for the next round.
Result<Bytes> TaskRunner::encode(const Work& work, Model update) {
  const TaskKey& key = work.task.key;
  const EncodingChoice choice = encoding_choice(work.job.train.encoding);
  const std::uint64_t seed = derive_seed(work.job.seed, "encoding/" + ports_.site.value, key.round);
  if (choice.name == "fp32" || !ports_.residuals)
    return encode_update(choice, update.layout, update.values, seed);
  work.reason = Reason::kStorageFailed;
  TRIB_TRY(residual, ports_.residuals->before(key.job, key.round, update.layout));
  work.reason = Reason::kTrainingFailed;
  TRIB_TRY(file, encode_with_feedback(choice, update.layout, update.values, residual, seed));
  work.reason = Reason::kStorageFailed;
  TRIB_CHECK_OK(ports_.residuals->keep(key.job, key.round, {update.layout, std::move(residual)}));
  return file;
}

Result<Model> TaskRunner::global_model(const Work& work) {
  work.reason = Reason::kStorageFailed;
  TRIB_TRY(bytes, ports_.blobs.read(work.task.model.digest));
  work.reason = Reason::kModelInvalid;
  TRIB_TRY(model, decode_safetensors(bytes));
  work.reason = Reason::kTrainingFailed;
  return model;
}

Result<TaskOutcome> TaskRunner::prepare(const Work& work) {
  work.reason = Reason::kDataInvalid;
  TRIB_TRY(summary, ports_.data.summarize(work.job, work.local_detail));
  TRIB_CHECK_OK(validate_summary(summary));
  return TaskOutcome{PrepareResult{std::move(summary)}};
}

Result<TaskOutcome> TaskRunner::initialize(const Work& work) {
  TRIB_TRY(data, examples(work));
  work.reason = Reason::kModelInvalid;
  TRIB_TRY(model, initial_model(work.job, data->training.input_shape, work.model_file));
  TRIB_CHECK_OK(check_resources(work, sizeof(float) * model.values.size()));
  TRIB_TRY(stored, store(work, encode_safetensors(model)));
  return TaskOutcome{InitializeResult{stored}};
}

Result<TaskOutcome> TaskRunner::train_round(const Work& work) {
  const Task& task = work.task;
  begun_ = task.key;
  TRIB_CHECK_OK(check_resources(work, task.model.bytes));
  TRIB_TRY(data, examples(work));
  TRIB_TRY(global, global_model(work));
  EventFields fields = fields_of(task.key);
  fields.emplace_back("examples", data->training.rows);
  fields.emplace_back("epochs", work.job.train.epochs);
  fields.emplace_back("batch_size", work.job.train.batch_size);
  ports_.log("training.started", std::move(fields));
  TRIB_TRY(trained, train_on(work, data->training, global));
  TRIB_TRY(file, encode(work, std::move(trained.update)));
  TRIB_TRY(update, store(work, file));
  fields = fields_of(task.key);
  fields.emplace_back("examples", static_cast<std::int64_t>(trained.examples));
  fields.emplace_back("loss", trained.train_loss);
  fields.emplace_back("norm", trained.update_norm);
  fields.emplace_back("seconds", trained.seconds);
  ports_.log("training.finished", std::move(fields));
  return TaskOutcome{TrainResult{update, trained.examples, trained.train_loss, trained.update_norm,
                                 trained.seconds}};
}

Result<TrainOutput> TaskRunner::train_on(const Work& work, const ExampleSet& data,
                                         const Model& global) {
  const Task& task = work.task;
  TrainRequest request{work.job,
                       task.key.round,
                       global,
                       data,
                       derive_seed(work.job.seed, "shuffle/" + ports_.site.value, task.key.round),
                       ports_.threads,
                       work.should_stop,
                       work.progress,
                       work.model_file};
  if (!ports_.checkpoints) return train(request);
  TaskCheckpoints checkpoints(*ports_.checkpoints, ports_.log, task, request.shuffle_seed, data);
  request.resume = [&] { return checkpoints.take_up(); };
  request.checkpoint_due = [&] { return checkpoints.due(); };
  request.checkpoint = [&](Result<TrainingState> state) { checkpoints.keep(std::move(state)); };
  Result<TrainOutput> trained = train(request);
  if (!trained && trained.error().code == ErrorCode::kDataLoss) {
    checkpoints.drop(trained.error());
    request.resume = {};
    trained = train(request);
  }
  return trained;
}

void TaskRunner::ended(const TaskKey& key) {
  if (ports_.checkpoints && begun_ == key)
    static_cast<void>(ports_.checkpoints->store.remove().has_value());
}

Result<TaskOutcome> TaskRunner::evaluate_model(const Work& work) {
  const Task& task = work.task;
  TRIB_TRY(data, examples(work));
  TRIB_TRY(global, global_model(work));
  TRIB_TRY(counts, evaluate(work.job, global, data->validation, ports_.threads, work.model_file));
  EventFields fields = {{"job", task.key.job.value}, {"round", std::int64_t{task.key.round}}};
  add_figures(fields, figures_of(counts));
  ports_.log("evaluation.local", std::move(fields));
  return TaskOutcome{EvaluateResult{std::move(counts)}};
}

}  // namespace tributary
