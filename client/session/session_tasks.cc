// SPDX-License-Identifier: Apache-2.0
// Session: offered, waiting, running and finished tasks.
#include <algorithm>
#include <utility>

#include "client/session/session.h"
#include "common/base/limits.h"

namespace tributary::session {
namespace {

// Where a task stands in its job's life; attempts of one phase stand at the same place.
std::pair<RoundNumber, TaskKind> place(const TaskKey& key) { return {key.round, key.kind}; }

// Why a task fails whose model cannot be fetched.
Reason reason_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kDataLoss:
      return Reason::kWrongDigest;
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kIo:
      return Reason::kStorageFailed;
    default:
      return Reason::kTrainingFailed;
  }
}

}  // namespace

std::string fault_of(const Task& task) {
  const TaskKey& key = task.key;
  const bool in_round = key.kind == TaskKind::kTrain || key.kind == TaskKind::kEvaluate;
  if (!is_valid_name(key.job.value)) return "a task of a job without a valid name";
  if (key.attempt == 0 || in_round != (key.round > 0))
    return to_string(key) + ": no such round or attempt";
  if (task.document.empty() || task.document.size() > limits::kJobDocumentBytesMax) {
    return to_string(key) + ": the job's document is empty or too long";
  }
  if (in_round == task.model.digest.is_none())
    return to_string(key) + ": a model where none belongs, or none";
  if (std::max(task.model.bytes, task.model_file.bytes) > limits::kBlobBytesMax) {
    return to_string(key) + ": a model over the size limit";
  }
  const ModelDelta& delta = task.delta;
  if (delta.blob.digest.is_none() != delta.base.is_none() ||
      (task.model.digest.is_none() && !delta.base.is_none()) ||
      delta.blob.bytes > limits::kBlobBytesMax) {
    return to_string(key) + ": no way to make its model";
  }
  if (task.deadline_ms <= 0) return to_string(key) + ": no time to do it";
  return "";
}

BlobRef blob_of(const TaskResult& result) {
  if (const auto* trained = std::get_if<TrainResult>(&result.outcome)) return trained->update;
  if (const auto* initial = std::get_if<InitializeResult>(&result.outcome)) return initial->model;
  return {};
}

bool Session::has_begun(const TaskKey& key) const {
  if (running_ && running_->task.key == key && running_->fate == Fate::kWanted) return true;
  if (std::ranges::find(queue_, key, [](const Waiting& one) { return one.task.key; }) !=
      queue_.end())
    return true;
  return std::ranges::any_of(kept_, [&key](const auto& entry) {
    return entry.first == key || (entry.first.job == key.job && place(entry.first) == place(key) &&
                                  std::holds_alternative<TrainResult>(entry.second.result.outcome));
  });
}

void Session::on_offer(TimePoint now, const Task& task) {
  if (std::string fault = fault_of(task); !fault.empty()) return break_link(std::move(fault));
  if (answer_again(now, task)) return;
  drop_overtaken(task.key);
  if (queue_.size() >= limits::kTasksQueuedMax) {
    report_task("task.declined", task.key, {{"waiting", static_cast<std::int64_t>(queue_.size())}});
    return send(
        TaskResult{task.key, TaskFailure{Reason::kDeclined, "the site is busy with other tasks"}});
  }
  enqueue(now, task);
}

// The same task again, after a reconnect or a restart of the coordinator: it is never done twice.
bool Session::answer_again(TimePoint now, const Task& task) {
  const TimePoint deadline = now + Milliseconds(task.deadline_ms);
  take_over_result(task.key);
  if (const auto kept = kept_.find(task.key); kept != kept_.end()) {
    kept->second.accepted = false;  // whatever it was told before, the coordinator wants it now
    report_task("result.offered_again", task.key);
    send(kept->second.result);
    return true;
  }
  const auto waiting =
      std::ranges::find(queue_, task.key, [](const Waiting& one) { return one.task.key; });
  if (waiting != queue_.end()) {
    waiting->deadline = deadline;
  } else if (running_ && running_->task.key == task.key && running_->fate == Fate::kWanted) {
    running_->deadline = deadline;
  } else {
    return false;
  }
  send(TaskAccepted{task.key});
  return true;
}

// Another attempt starts from the same model: what was trained for an earlier one is its result
// too.
void Session::take_over_result(const TaskKey& by) {
  const auto earlier = std::ranges::find_if(kept_, [&by](const auto& entry) {
    return entry.first.job == by.job && place(entry.first) == place(by) &&
           std::holds_alternative<TrainResult>(entry.second.result.outcome);
  });
  if (earlier == kept_.end() || earlier->first == by) return;
  Kept kept = earlier->second;
  kept.result.key = by;
  out_.push_back(KeepResult{kept.result});
  forget(TaskKey(earlier->first));
  kept_[by] = std::move(kept);
}

// The coordinator that offers `by` no longer waits for anything else of that job, and has committed
// what lies before.
void Session::drop_overtaken(const TaskKey& by) {
  if (running_ && running_->task.key.job == by.job)
    drop_task(running_->task.key, "overtaken by the next task");
  std::erase_if(queue_, [&by](const Waiting& one) { return one.task.key.job == by.job; });
  std::vector<TaskKey> old;
  for (const auto& [key, kept] : kept_) {
    if (key.job == by.job && place(key) <= place(by)) old.push_back(key);
  }
  for (const TaskKey& key : old) forget(key);
}

void Session::enqueue(TimePoint now, const Task& task) {
  Waiting waiting{.task = task, .deadline = now + Milliseconds(task.deadline_ms), .missing = {}};
  send(TaskAccepted{task.key});
  report_task("task.received", task.key, {{"deadline_ms", task.deadline_ms}});
  for (const BlobRef& blob : {task.model, task.model_file}) {
    if (blob.digest.is_none()) continue;
    waiting.missing.insert(blob.digest);
    held_.insert(blob.digest);
  }
  fetch_missing(waiting);
  note_job_blobs(task);
  queue_.push_back(std::move(waiting));
}

void Session::fetch_missing(const Waiting& one) {
  const Task& task = one.task;
  if (one.missing.contains(task.model.digest)) out_.push_back(FetchBlob{task.model, task.delta});
  if (one.missing.contains(task.model_file.digest)) out_.push_back(FetchBlob{task.model_file});
}

// Evaluate and the next train task start from the model of the last one: it stays until the job has
// a newer one.
void Session::note_job_blobs(const Task& task) {
  std::set<Digest> blobs;
  for (const BlobRef& blob : {task.model, task.model_file}) {
    if (!blob.digest.is_none()) blobs.insert(blob.digest);
  }
  std::erase_if(job_blobs_, [&task](const auto& entry) { return entry.first == task.key.job; });
  job_blobs_.emplace_back(task.key.job, std::move(blobs));
  if (job_blobs_.size() > limits::kJobModelsMax) job_blobs_.pop_front();
}

// True if the task was waiting or running.
bool Session::drop_task(const TaskKey& key, std::string_view why) {
  const bool ran = running_ && running_->task.key == key && running_->fate == Fate::kWanted;
  const bool waited =
      std::erase_if(queue_, [&key](const Waiting& one) { return one.task.key == key; }) > 0;
  if (ran) stop_running(Fate::kUnwanted);
  if (ran || waited) report_task("task.dropped", key, {{"reason", std::string(why)}});
  return ran || waited;
}

void Session::stop_running(Fate fate) {
  if (!running_ || running_->fate != Fate::kWanted) return;
  running_->fate = fate;
  out_.push_back(StopTask{running_->task.key});
}

void Session::on_cancel(const TaskCancel& cancel) {
  drop_task(cancel.key, reason_name(cancel.reason));
  if (kept_.contains(cancel.key)) {
    report_task("result.refused", cancel.key,
                {{"reason", std::string(reason_name(cancel.reason))}, {"detail", ""}});
    forget(cancel.key);
  }
}

void Session::on_verdict(const TaskVerdict& verdict) {
  if (drop_task(verdict.key, reason_name(verdict.reason))) return;
  const auto kept = kept_.find(verdict.key);
  if (kept == kept_.end()) return;  // answered before, or of a life before this one
  const bool accepted = verdict.reason == Reason::kAccepted;
  report_task(accepted ? "result.accepted" : "result.refused", verdict.key,
              {{"reason", std::string(reason_name(verdict.reason))}, {"detail", verdict.detail}});
  if (accepted && !kept->second.accepted) proven_ = true;
  // A training whose update is summed where nobody sees it has no blob here, and is kept as well.
  if (accepted && (std::holds_alternative<TrainResult>(kept->second.result.outcome) ||
                   !blob_of(kept->second.result).digest.is_none())) {
    kept->second.accepted = true;
  } else {
    forget(verdict.key);  // refused, or small enough to be made again
  }
}

void Session::on_committed(const RoundCommitted& committed) {
  proven_ = true;
  const auto covered = [&committed](const TaskKey& key) {
    return key.job == committed.job && place(key) <= std::pair(committed.round, TaskKind::kTrain);
  };
  std::vector<TaskKey> over;
  for (const Waiting& one : queue_) over.push_back(one.task.key);
  if (running_) over.push_back(running_->task.key);
  for (const auto& [key, kept] : kept_) over.push_back(key);
  for (const TaskKey& key : over) {
    if (!covered(key)) continue;
    drop_task(key, "the round is committed");
    forget(key);
  }
}

void Session::on_blob_arrived(const Digest& digest) {
  for (Waiting& one : queue_) one.missing.erase(digest);
}

void Session::on_blob_failed(const BlobFailed& event) {
  std::vector<TaskKey> failed;
  for (const Waiting& one : queue_) {
    if (one.missing.contains(event.digest)) failed.push_back(one.task.key);
  }
  std::erase_if(queue_,
                [&event](const Waiting& one) { return one.missing.contains(event.digest); });
  for (const TaskKey& key : failed) {
    report_task("blob.failed", key,
                {{"digest", event.digest.short_hex()}, {"error", event.error.message}});
    // The code is public; the message may hold a path of the site and stays in the site's own log.
    keep({key,
          TaskFailure{reason_of(event.error), "the site could not get the model: " +
                                                  std::string(error_code_name(event.error.code))}});
  }
}

void Session::on_progress(TimePoint now, const TaskProgressed& event) {
  if (!running_ || running_->task.key != event.key || running_->fate != Fate::kWanted) return;
  if (running_->reported && now - *running_->reported < Milliseconds(limits::kProgressMs)) return;
  running_->reported = now;
  send(TaskProgress{.key = event.key, .done = event.done, .total = event.total});
}

void Session::on_finished(const TaskFinished& event) {
  if (!running_ || running_->task.key != event.result.key) return;
  left_.clear();  // since the link came up, the coordinator has offered again what it waits for
  const Fate fate = running_->fate;
  running_.reset();
  if (const BlobRef blob = blob_of(event.result); !blob.digest.is_none()) held_.insert(blob.digest);
  const auto* failure = std::get_if<TaskFailure>(&event.result.outcome);
  if (fate == Fate::kUnwanted || (fate == Fate::kStopping && failure != nullptr)) return;
  // A failure was logged where it happened, with what only the site may know.
  if (failure == nullptr) report_task("task.finished", event.result.key);
  keep(event.result);
}

void Session::keep(TaskResult result) {
  const TaskKey key = result.key;
  out_.push_back(KeepResult{result});
  send(result);
  kept_[key] = {.result = std::move(result), .accepted = false, .sequence = next_sequence_++};
  if (kept_.size() <= limits::kResultsKeptMax) return;
  // The oldest that was accepted; if none was, the oldest.
  const auto worst = std::ranges::min_element(kept_, {}, [](const auto& entry) {
    return std::pair(!entry.second.accepted, entry.second.sequence);
  });
  report_task("result.forgotten", worst->first,
              {{"kept", static_cast<std::int64_t>(kept_.size())}});
  forget(TaskKey(worst->first));
}

void Session::forget(const TaskKey& key) {
  const auto kept = kept_.find(key);
  if (kept == kept_.end()) return;
  if (const BlobRef blob = blob_of(kept->second.result); !blob.digest.is_none())
    held_.insert(blob.digest);
  out_.push_back(ForgetResult{key});
  kept_.erase(kept);
}

void Session::expire(TimePoint now) {
  std::vector<TaskKey> late;
  for (const Waiting& one : queue_) {
    if (one.deadline <= now) late.push_back(one.task.key);
  }
  if (running_ && running_->deadline <= now) late.push_back(running_->task.key);
  for (const TaskKey& key : late) drop_task(key, reason_name(Reason::kDeadline));
}

// First come, first served among the tasks whose models are here; one that waits for its download
// blocks nobody.
void Session::start_next() {
  if (running_ || stopping_) return;
  const auto ready =
      std::ranges::find_if(queue_, [](const Waiting& one) { return one.missing.empty(); });
  if (ready == queue_.end()) return;
  running_ = Running{.task = std::move(ready->task),
                     .deadline = ready->deadline,
                     .fate = Fate::kWanted,
                     .reported = {}};
  queue_.erase(ready);
  report_task("task.started", running_->task.key);
  out_.push_back(StartTask{running_->task});
}

}  // namespace tributary::session
