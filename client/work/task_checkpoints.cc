// SPDX-License-Identifier: Apache-2.0
#include "client/work/task_checkpoints.h"

#include <algorithm>
#include <new>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/crypto/digest.h"

namespace tributary {
namespace {

void add_progress(EventFields& fields, const TrainingState& state) {
  fields.emplace_back("done", static_cast<std::int64_t>(state.batches));
  fields.emplace_back("total", static_cast<std::int64_t>(state.total));
}

// A state can be three times the model: where there is no memory for it, the training has its own.
template <typename Function>
auto within_memory(Function&& function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kResourceExhausted, "out of memory");
  }
}

}  // namespace

TaskCheckpoints::TaskCheckpoints(const Checkpointing& site, const WorkLog& log, const Task& task,
                                 std::uint64_t seed, const ExampleSet& data,
                                 const ExampleSet* validation)
    : site_(site),
      log_(log),
      task_(task),
      seed_(seed),
      data_(data),
      validation_(validation),
      next_(site.clock.now() + site.every) {}

// The rows too: between two lives of the process is when a site changes its files. They are read
// only where there is a checkpoint, or one is due. Not the attempt: another one of the same round
// from the same model is the same training.
const Digest& TaskCheckpoints::binding() {
  if (binding_) return *binding_;
  Hasher hasher;
  const auto add = [&hasher](ByteView bytes) {
    std::byte size[sizeof(std::uint64_t)];
    put_little_endian(size, std::uint64_t{bytes.size()});
    hasher.update(size);
    hasher.update(bytes);
  };
  add(as_bytes(kSoftware));
  add(as_bytes(task_.key.job.value));
  add(std::as_bytes(std::span(&task_.key.round, 1)));
  add(as_bytes(task_.document));
  add(task_.model.digest.bytes);
  add(task_.model_file.digest.bytes);
  add(std::as_bytes(std::span(&task_.counted, 1)));
  add(std::as_bytes(std::span(&seed_, 1)));
  for (const ExampleSet* rows : {&data_, validation_}) {
    if (rows == nullptr) continue;
    add(std::as_bytes(std::span(rows->inputs)));
    add(std::as_bytes(std::span(rows->labels)));
    add(std::as_bytes(std::span(rows->targets)));
  }
  return binding_.emplace(hasher.finish());
}

std::optional<TrainingState> TaskCheckpoints::take_up() {
  if (site_.store.empty()) return std::nullopt;
  Result<TrainingState> state = within_memory([&] { return site_.store.load(binding()); });
  if (!state) {
    if (state.error().code != ErrorCode::kNotFound) note_failure(state.error());
    return std::nullopt;
  }
  EventFields fields = fields_of(task_.key);
  add_progress(fields, *state);
  log_("training.resumed", std::move(fields));
  return *std::move(state);
}

bool TaskCheckpoints::due() {
  if (site_.every == Milliseconds(0)) return false;
  began_ = site_.clock.now();
  return began_ >= next_ || site_.shutting_down();
}

void TaskCheckpoints::keep(Result<TrainingState> state) {
  EventFields fields = fields_of(task_.key);
  if (state) add_progress(fields, *state);
  const Status kept = within_memory([&]() -> Status {
    TRIB_TRY(whole, std::move(state));
    fields.emplace_back("bytes", static_cast<std::int64_t>(whole.bytes.size()));
    return site_.store.keep(binding(), std::move(whole));
  });
  const Milliseconds spent = site_.clock.now() - began_;
  next_ = site_.clock.now() + std::max(site_.every, spent * limits::kCheckpointPause);
  if (!kept) return note_failure(kept.error());
  fields.emplace_back("seconds", static_cast<double>(spent.count()) / 1000.0);
  log_("training.checkpointed", std::move(fields));
}

void TaskCheckpoints::drop(const Error& why) {
  note_failure(why);
  static_cast<void>(site_.store.remove().has_value());
}

void TaskCheckpoints::note_failure(const Error& error) {
  if (std::exchange(failure_told_, true)) return;
  EventFields fields = fields_of(task_.key);
  fields.emplace_back("detail", error.message);
  log_("checkpoint.failed", std::move(fields));
}

}  // namespace tributary
