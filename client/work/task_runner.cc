// SPDX-License-Identifier: Apache-2.0
#include "client/work/task_runner.h"

#include <exception>

#include "client/learning/algorithm.h"
#include "client/learning/local_tensors.h"
#include "client/policy/policy_check.h"
#include "client/policy/told_figures.h"
#include "client/work/failed_task.h"
#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/base/text.h"
#include "common/config/encoding_choice.h"
#include "common/privacy/secagg/sum_plan.h"
#include "common/tensor/safetensors.h"
#include "common/tensor/update_encoding.h"
#include "common/wire/message_codec.h"

namespace tributary {

TaskResult TaskRunner::run(const Task& task, const std::function<bool()>& should_stop,
                           const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  const Admission admission = ports_.gate ? ports_.gate->admit(task) : JobGate::admit_any(task);
  if (const auto* refused = std::get_if<Refused>(&admission))
    return {task.key, tell_refusal(ports_.log, "task.failed", task.key, *refused)};
  const auto& [job, policy] = std::get<Admitted>(admission);
  // The number of batches is that of rows, nearly.
  static const std::function<void(std::uint64_t, std::uint64_t)> kUntold;
  const Work work{task, job, policy, should_stop,
                  summed_secretly(job, task.key.kind) ? kUntold : progress};
  Result<TaskOutcome> outcome = make_error(ErrorCode::kInternal, "");
  try {
    outcome = perform(work);
  } catch (const std::exception& error) {  // no memory for the data or the model
    outcome = make_error(ErrorCode::kResourceExhausted, error.what());
  }
  if (!outcome) {
    // A training that stops with its process is gone on with.
    if (ports_.checkpoints && ports_.checkpoints->shutting_down()) begun_.reset();
    return {task.key, failure(work, outcome.error())};
  }
  TaskResult result{task.key, *std::move(outcome)};
  // What the coordinator would have to refuse as no message would be offered to it for ever.
  const Result<Bytes> sent = encode_message(result);
  const Result<Message> received = sent ? decode_message(*sent) : sent.error();
  if (!received) return {task.key, failure(work, received.error())};
  return result;
}

// What only shows in the middle of the work.
Status TaskRunner::deny(const Work& work, const Status& permitted) const {
  if (permitted) return {};
  work.reason = Reason::kPolicyDenied;
  work.local_detail = permitted.error().message;
  return make_error(permitted.error().code, "the site's policy does not let this job run");
}

Status TaskRunner::check_model(const Work& work, const Layout& layout) const {
  const TrainSpec& train_spec = work.job.train;
  const auto stays = [&](const std::string& tensor) { return stays_local(train_spec, tensor); };
  return deny(work, permits_model(work.policy, layout, stays));
}

Leash TaskRunner::leash(const Work& work) const {
  return {work.should_stop, static_cast<std::uint64_t>(work.policy.max_memory_bytes),
          ports_.device};
}

Result<TaskOutcome> TaskRunner::perform(const Work& work) {
  const bool has_module = !work.task.model_file.digest.is_none();
  if (has_module && work.task.key.kind != TaskKind::kPrepare) {
    work.reason = Reason::kStorageFailed;
    TRIB_TRY(module_file, ports_.blobs.read(work.task.model_file.digest));
    work.module_file = std::move(module_file);
    work.reason = Reason::kTrainingFailed;
  }
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

TaskFailure TaskRunner::failure(const Work& work, const Error& error) const {
  // What was stopped did not fail: task.dropped says why it ended.
  if (error.code == ErrorCode::kCancelled) return {Reason::kAborted, error.message};
  const bool may_name_rows = (!work.module_file.empty() && !work.job.transfer.start) ||
                             summed_secretly(work.job, work.task.key.kind);
  const FailedTask failed{work.task.key.kind, work.reason, may_name_rows, work.local_detail};
  return tell_refusal(ports_.log, "task.failed", work.task.key, told_of(failed, error));
}

Result<std::shared_ptr<const SiteExamples>> TaskRunner::examples(const Work& work) {
  work.reason = Reason::kDataInvalid;
  TRIB_TRY(examples, ports_.data.examples(work.job, work.task.plan, work.local_detail));
  if (work.task.key.kind != TaskKind::kEvaluate)
    TRIB_CHECK_OK(deny(work, permits_rows(work.policy, work.job, examples->training.rows)));
  work.reason = Reason::kTrainingFailed;
  if (examples != loaded_) {  // not when they were still there from the task before
    for (const std::string& place : examples->faulty_places)
      ports_.log("data.faulty_record", {{"dataset", work.job.data.dataset}, {"detail", place}});
    ports_.log("data.loaded",
               {{"job", work.task.key.job.value},
                {"dataset", work.job.data.dataset},
                {"training_rows", examples->training.rows},
                {"validation_rows", examples->validation.rows},
                {"dropped_rows", static_cast<std::int64_t>(examples->dropped_rows)},
                {"faulty_rows", static_cast<std::int64_t>(examples->faulty_rows)},
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
  TRIB_CHECK_OK(deny(work, permits_upload(work.policy, file.size())));
  work.reason = Reason::kStorageFailed;
  TRIB_TRY(digest, ports_.blobs.put(file));
  return BlobRef{digest, file.size()};
}

// As the job wants updates written; what that leaves out is kept for the next round.
Result<Bytes> TaskRunner::encode(const Work& work, const Model& update, const Carried& before,
                                 Carried& left) {
  const EncodingChoice choice = encoding_choice(work.job.train.encoding);
  const std::uint64_t seed =
      derive_seed(work.job.seed, "encoding/" + ports_.site.value, work.task.key.round);
  if (choice.name == "fp32" || !ports_.carried)
    return encode_update(choice, update.layout, update.values, seed);
  std::vector<float>& residual = left["residual"];
  residual = part_of(before, "residual", update.values.size());
  residual.resize(update.values.size());
  return encode_with_feedback(choice, update.layout, update.values, residual, seed);
}

Result<SentModel> TaskRunner::sent_model(const Work& work) {
  work.reason = Reason::kStorageFailed;
  TRIB_TRY(bytes, ports_.blobs.read(work.task.model.digest));
  work.reason = Reason::kModelInvalid;
  TRIB_TRY(file, decode_safetensors(bytes));
  TRIB_TRY(sent, split_sent(companions_of(work.job.train.algorithm.name), std::move(file)));
  TRIB_CHECK_OK(check_model(work, sent.model.layout));
  work.reason = Reason::kTrainingFailed;
  return sent;
}

// What the last training left whose update counts: one that does not is as if it had not been.
Result<Carried> TaskRunner::carried_before(const Work& work) {
  const Task& task = work.task;
  if (!ports_.carried || task.counted == 0) return Carried{};
  work.reason = Reason::kStorageFailed;
  TRIB_TRY(before, ports_.carried->after(task.key.job, task.counted));
  work.reason = Reason::kTrainingFailed;
  if (before.empty() && leaves_at_site(work.job.train)) {
    EventFields fields = fields_of(task.key);
    fields.emplace_back("counted", std::int64_t{task.counted});
    ports_.log("carried.lost", std::move(fields));
  }
  return before;
}

Result<TaskOutcome> TaskRunner::prepare(const Work& work) {
  work.reason = Reason::kDataInvalid;
  TRIB_TRY(summary, ports_.data.summarize(work.job, work.local_detail));
  TRIB_CHECK_OK(deny(
      work, permits_rows(work.policy, work.job, static_cast<std::int64_t>(summary.training_rows))));
  tell_less(work.policy, summary);
  tell_less(work.job, summary);
  TRIB_CHECK_OK(validate_summary(summary));
  return TaskOutcome{PrepareResult{std::move(summary)}};
}

Result<TaskOutcome> TaskRunner::initialize(const Work& work) {
  TRIB_TRY(data, examples(work));
  work.reason = Reason::kModelInvalid;
  TRIB_TRY(model, ports_.learner.initial_model(work.job, data->training.input_shape,
                                               work.module_file, leash(work)));
  TRIB_CHECK_OK(check_model(work, model.layout));
  const Companions& companions = companions_of(work.job.train.algorithm.name);
  TRIB_CHECK_OK(validate_layout(update_layout(companions, model.layout)));
  TRIB_CHECK_OK(validate_layout(sent_layout(companions, model.layout)));
  TRIB_CHECK_OK(check_resources(work, sizeof(float) * model.values.size()));
  tell_start(work, model.layout);
  TRIB_TRY(stored, store(work, encode_safetensors(model)));
  return TaskOutcome{InitializeResult{stored}};
}

Result<TaskOutcome> TaskRunner::train_round(const Work& work) {
  const Task& task = work.task;
  begun_ = task.key;
  TRIB_CHECK_OK(check_resources(work, task.model.bytes + task.model_file.bytes));
  TRIB_TRY(data, examples(work));
  TRIB_TRY(sent, sent_model(work));
  TRIB_TRY(before, carried_before(work));
  std::optional<RecordBudget> budget;
  if (work.job.privacy.records && data->training.rows > 0) {
    budget.emplace(RecordBudget::Ports{ports_.ledger, ports_.log}, task, work.job, work.policy,
                   static_cast<std::uint64_t>(data->training.rows));
    TRIB_CHECK_OK(within_budget(work, budget->check(work.local_detail)));
    // Those of which the gradient of a row is not known without running the row by itself.
    const TransferSpec& transfer = work.job.transfer;
    const std::string& family = work.job.model.name;
    if (family == "torchscript" || family == "rnn" || !transfer.freeze.empty() || transfer.lora)
      ports_.log("privacy.row_by_row", fields_of(task.key));
  }
  tell_begin(work, data->training.rows);
  TRIB_TRY(trained, train_on(work, *data, sent, before));
  TRIB_TRY(epsilon, spend(work, budget ? &*budget : nullptr));
  Carried left;
  put_part(left, "algorithm", std::move(trained.own));
  put_part(left, "local", std::move(trained.local));
  if (work.job.train.personal) {
    TRIB_TRY(personal, train_personal(work, *data, sent.model, before));
    put_part(left, "personal", std::move(personal));
  }
  Model& update = trained.update;
  update.layout = update_layout(companions_of(work.job.train.algorithm.name), update.layout);
  update.values.insert(update.values.end(), trained.companions.begin(), trained.companions.end());
  const bool secretly = summed_secretly(work.job, TaskKind::kTrain);
  Bytes file;
  if (!secretly) {
    TRIB_TRY(encoded, encode(work, update, before, left));
    file = std::move(encoded);
  }
  if (!left.empty() && ports_.carried) {
    work.reason = Reason::kStorageFailed;
    TRIB_CHECK_OK(ports_.carried->keep(task.key.job, task.key.round, task.counted, left));
  }
  EventFields fields = fields_of(task.key);
  fields.emplace_back("examples", static_cast<std::int64_t>(trained.examples));
  fields.emplace_back("loss", trained.train_loss);
  fields.emplace_back("norm", trained.update_norm);
  fields.emplace_back("seconds", trained.seconds);
  fields.emplace_back("rows_per_s", trained.seconds > 0.0
                                        ? static_cast<double>(trained.rows) / trained.seconds
                                        : 0.0);
  ports_.log("training.finished", std::move(fields));
  tell_kept(work, trained);
  TrainResult result{
      {}, trained.examples, trained.train_loss, trained.update_norm, trained.seconds, epsilon};
  tell_less(work.policy, result);
  if (secretly) return ready_for_sum(work, result, std::move(update.values));
  TRIB_TRY(stored, store(work, file));
  result.update = stored;
  return TaskOutcome{result};
}

Status TaskRunner::keep_for_sum(const Work& work, const SumGift& gift) const {
  work.reason = Reason::kStorageFailed;
  if (ports_.gifts) return ports_.gifts->keep(gift);
  return make_error(ErrorCode::kFailedPrecondition, "this site takes part in no secure sums");
}

// The coordinator is told that the site is ready, and by how long it took; nothing else: what was
// spent of the records follows from how many there are.
Result<TaskOutcome> TaskRunner::ready_for_sum(const Work& work, const TrainResult& trained,
                                              std::vector<float> update) const {
  const SumContext context = sum_context(work.job, work.task.key, {}, {}, update.size());
  TRIB_CHECK_OK(deny(
      work, permits_upload(work.policy, input_bytes(context.numbers, context.bits, context.wide))));
  SumGift gift = gift_for(work.task);
  gift.examples = trained.examples;
  gift.train_loss = trained.train_loss;
  gift.update = std::move(update);
  TRIB_CHECK_OK(keep_for_sum(work, gift));
  return TaskOutcome{TrainResult{{}, 0, 0.0, 0.0, trained.seconds}};
}

Status TaskRunner::within_budget(const Work& work, const Status& budget) const {
  if (budget) return {};
  const ErrorCode code = budget.error().code;
  if (code == ErrorCode::kInvalidArgument) return budget;  // no such training can be accounted for
  const bool spent = code == ErrorCode::kFailedPrecondition;
  work.reason = spent ? Reason::kBudgetSpent : Reason::kStorageFailed;
  return budget;
}

// What a training made is as good as gone where its debit is not durable: nothing of it may leave.
Result<double> TaskRunner::spend(const Work& work, RecordBudget* budget) const {
  if (budget == nullptr) return 0.0;
  const Result<double> spent = budget->debit(work.local_detail);
  TRIB_CHECK_OK(within_budget(work, spent ? Status{} : Status(spent.error())));
  return spent;
}

void TaskRunner::tell_begin(const Work& work, std::int64_t examples) const {
  const Device device = device_for(work.job, ports_.device);
  EventFields fields = fields_of(work.task.key);
  fields.emplace_back("examples", examples);
  fields.emplace_back("epochs", work.job.train.epochs);
  fields.emplace_back("batch_size", work.job.train.batch_size);
  fields.emplace_back("device", std::string(device_name(device)));
  fields.emplace_back("mixed_precision", work.job.train.mixed_precision && device == Device::kCuda);
  ports_.log("training.started", std::move(fields));
}

// What became of train.local_stop.
void TaskRunner::tell_kept(const Work& work, const TrainOutput& trained) const {
  if (!work.job.train.local_stop) return;
  EventFields fields = fields_of(work.task.key);
  if (trained.kept_batches == 0) return ports_.log("training.unjudged", std::move(fields));
  fields.emplace_back("batches", static_cast<std::int64_t>(trained.batches));
  fields.emplace_back("kept_batches", static_cast<std::int64_t>(trained.kept_batches));
  fields.emplace_back("loss", trained.kept_loss);
  ports_.log("training.rewound", std::move(fields));
}

const ExampleSet* TaskRunner::judging_rows(const JobSpec& job, const SiteExamples& data) {
  return job.train.local_stop && data.validation.rows > 0 ? &data.validation : nullptr;
}

Result<TrainOutput> TaskRunner::train_on(const Work& work, const SiteExamples& data,
                                         const SentModel& sent, const Carried& before) {
  const Task& task = work.task;
  const TrainSpec& train_spec = work.job.train;
  TrainRequest request{work.job,
                       task.key.round,
                       sent.model,
                       data.training,
                       derive_seed(work.job.seed, "shuffle/" + ports_.site.value, task.key.round),
                       ports_.threads,
                       work.should_stop,
                       work.progress,
                       work.module_file};
  request.memory_bytes = leash(work).memory_bytes;
  request.validation = judging_rows(work.job, data);
  request.device = ports_.device;
  Model start;
  if (!train_spec.keep_local.empty()) {
    start = sent.model;
    put_local(train_spec, part_of(before, "local"), start);
    request.start = &start;
  }
  const std::vector<float> own = part_of(before, "algorithm", sent.model.values.size());
  request.own = own;
  request.server = sent.along;
  if (!ports_.checkpoints) return ports_.learner.train(request);
  TaskCheckpoints checkpoints(*ports_.checkpoints, ports_.log, task, request.shuffle_seed,
                              data.training, request.validation);
  request.resume = [&] { return checkpoints.take_up(); };
  request.checkpoint_due = [&] { return checkpoints.due(); };
  request.checkpoint = [&](Result<TrainingState> state) { checkpoints.keep(std::move(state)); };
  Result<TrainOutput> trained = ports_.learner.train(request);
  if (!trained && trained.error().code == ErrorCode::kDataLoss) {
    checkpoints.drop(trained.error());
    request.resume = {};
    trained = ports_.learner.train(request);
  }
  return trained;
}

void TaskRunner::ended(const TaskKey& key) {
  if (ports_.checkpoints && begun_ == key)
    static_cast<void>(ports_.checkpoints->store.remove().has_value());
}

}  // namespace tributary
