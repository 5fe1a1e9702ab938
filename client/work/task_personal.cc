// SPDX-License-Identifier: Apache-2.0
// TaskRunner: models that a site trains for itself, and where it finds them; where the job's own
// weights come from.
#include <algorithm>

#include "client/learning/local_tensors.h"
#include "client/work/task_runner.h"
#include "common/base/random_source.h"
#include "common/tensor/safetensors.h"

namespace tributary {
namespace {

// Plain passes over the site's rows, of all tensors: nothing of them travels.
JobSpec tuning_of(JobSpec job) {
  const FineTune& tune = *job.train.fine_tune;
  job.train.algorithm = {"fedavg", {}};
  job.train.schedule = {"constant", {}};
  job.train.epochs = tune.epochs;
  job.train.steps = 0;
  if (tune.learning_rate) job.train.optimizer.options["learning_rate"] = *tune.learning_rate;
  job.train.keep_local.clear();
  return job;
}

// Of a job that may stop early every evaluation may be the last: nobody tells a site that a job is
// over.
bool may_be_last(const JobSpec& job, RoundNumber round) {
  return job.evaluation.early_stop || round >= job.rounds.rounds;
}

}  // namespace

// Ditto (Li et al. 2021, algorithm 1): the same passes again from the site's own model, pulled to
// the global one. It keeps no checkpoints: a kill costs this half of the work.
Result<std::vector<float>> TaskRunner::train_personal(const Work& work, const SiteExamples& data,
                                                      const Model& global, const Carried& before) {
  JobSpec job = work.job;
  job.train.algorithm = {"fedprox", {{"mu", job.train.personal->lambda}}};
  Model start = global;
  put_local(job.train, part_of(before, "local"), start);
  std::vector<float> own = part_of(before, "personal", start.values.size());
  if (!own.empty()) start.values = std::move(own);
  TrainRequest request{job,
                       work.task.key.round,
                       global,
                       data.training,
                       derive_seed(job.seed, "personal/" + ports_.site.value, work.task.key.round),
                       ports_.threads,
                       work.should_stop,
                       {},
                       work.module_file};
  request.start = &start;
  request.memory_bytes = leash(work).memory_bytes;
  request.validation = judging_rows(job, data);
  request.device = ports_.device;
  TRIB_TRY(trained, ports_.learner.train(request));
  Model personal = global;
  for (std::size_t i = 0; i < personal.values.size(); ++i)
    personal.values[i] += trained.update.values[i];
  put_local(job.train, trained.local, personal);
  return std::move(personal.values);
}

// Of the job's weights to start from: how many tensors of the model are theirs, and which new ones
// are trained from the beginning.
void TaskRunner::tell_start(const Work& work, const Layout& layout) const {
  if (work.job.transfer == TransferSpec{}) return;
  EventFields fields = {{"job", work.task.key.job.value},
                        {"trained", static_cast<std::int64_t>(layout.tensors.size())},
                        {"values", static_cast<std::int64_t>(layout.element_count())}};
  const Result<Model> file =
      work.job.transfer.start ? decode_safetensors(work.module_file) : Result<Model>(Model{});
  std::string fresh;
  for (const TensorInfo& tensor : layout.tensors) {
    if (!file || std::ranges::count(file->layout.tensors, tensor) > 0) continue;
    fresh += (fresh.empty() ? "" : ",") + tensor.name;
  }
  fields.emplace_back("fresh", fresh);
  ports_.log("transfer.started", std::move(fields));
}

// A training that fails takes nothing from the evaluation; a site that is killed within it is asked
// for the evaluation again, and tunes to the same bits.
Result<bool> TaskRunner::fine_tune(const Work& work, const SiteExamples& data, Model& model) {
  const RoundNumber round = work.task.key.round;
  if (!work.job.train.fine_tune || ports_.evaluator || data.training.rows == 0) return false;
  if (!may_be_last(work.job, round)) return false;
  const JobSpec job = tuning_of(work.job);
  TrainRequest request{job,
                       round,
                       model,
                       data.training,
                       derive_seed(job.seed, "fine_tune/" + ports_.site.value),
                       ports_.threads,
                       work.should_stop,
                       {},
                       work.module_file};
  request.memory_bytes = leash(work).memory_bytes;
  request.validation = judging_rows(job, data);
  request.device = ports_.device;
  const Result<TrainOutput> trained = ports_.learner.train(request);
  if (!trained) {
    if (trained.error().code == ErrorCode::kCancelled) return trained.error();
    EventFields fields = fields_of(work.task.key);
    fields.emplace_back("detail", trained.error().message);
    ports_.log("tuning.failed", std::move(fields));
    return false;
  }
  for (std::size_t i = 0; i < model.values.size(); ++i)
    model.values[i] += trained->update.values[i];
  TRIB_TRY(figures, evaluate_as(work, "fine_tuned", model, data.validation));
  static_cast<void>(figures);
  return true;
}

Status TaskRunner::export_personal(const Work& work, const Model& model) {
  if (!ports_.personal) return {};
  const auto& [files, directory] = *ports_.personal;
  work.reason = Reason::kStorageFailed;
  TRIB_CHECK_OK(files.make_directories(directory));
  return files.write_durably(directory + "/" + work.task.key.job.value + ".safetensors",
                             encode_safetensors(model));
}

}  // namespace tributary
