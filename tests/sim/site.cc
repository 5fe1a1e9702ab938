// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/site.h"

#include <algorithm>
#include <cmath>

#include "common/base/assert.h"
#include "common/tensor/safetensors.h"

namespace tributary::sim {

Model initial_model() { return {{{{"w", {3}}, {"b", {2}}}}, {0.5f, -0.25f, 0.125f, 0.0f, 1.0f}}; }

Model update_of(const std::string& site, const Digest& base, const Layout& layout) {
  SeededRandom random(derive_seed(get_little_endian<std::uint64_t>(base.bytes.data()), site, 0));
  Model update{layout, std::vector<float>(layout.element_count())};
  for (float& value : update.values) {
    value = static_cast<float>(static_cast<int>(random.uniform_below(2049)) - 1024) / 1024.0f;
  }
  return update;
}

Site::Site(std::string name, SiteTraits its, Surroundings world, Hub& hub, Observer observer)
    : traits(its),
      fuse(name),
      name_(std::move(name)),
      world_(world),
      hub_(hub),
      observer_(std::move(observer)) {}

void Site::start() {
  Result<std::unique_ptr<SiteAgent>> agent =
      SiteAgent::open("site", {world_.timeline.clock(), disk, world_.random, world_.log,
                               [this] {
                                 fuse.burn();
                                 dial();
                               },
                               [this](const Task& task) {
                                 fuse.burn();
                                 work(task);
                               },
                               [this](const TaskKey&) {
                                 fuse.burn();
                                 // The trainer looks at its flag between two batches.
                                 world_.timeline.after(Milliseconds(5), life_, [this, run = runs_] {
                                   if (run == runs_ && running_) finish(*running_);
                                 });
                               }});
  TRIB_ASSERT(agent, agent ? "" : agent.error().message.c_str());
  agent_ = *std::move(agent);
  agent_->start();
  touched();
}

void Site::kill(Death death) {
  fuse.put_out();
  life_.end();
  world_.network.die(name_, 0);
  agent_.reset();
  link_.reset();
  running_.reset();
  armed_.reset();
  if (death == Death::kPowerCut) disk.crash(world_.random);
}

void Site::dial() {
  world_.timeline.after(Milliseconds(1 + world_.random.uniform_below(30)), life_, [this] {
    if (!hub_.up() || !world_.network.open()) {
      agent_->unlinked(make_error(ErrorCode::kUnavailable, "connection refused"));
      return touched();
    }
    const auto [mine, theirs] = world_.network.connect(name_, life_, hub_.life());
    // What arrives is the agent's; it ends with this site's life at the latest.
    class Forward final : public LinkHandler {
     public:
      explicit Forward(Site& site) : site_(site) {}
      Status on_message(const Message& message) override {
        const Status taken = site_.agent_->on_message(message);
        site_.touched();
        return taken;
      }
      Status on_chunk(std::uint32_t stream, Chunk chunk) override {
        const Status taken = site_.agent_->on_chunk(stream, std::move(chunk));
        site_.touched();
        return taken;
      }

     private:
      Site& site_;
    };
    mine->attach(std::make_shared<Forward>(*this), [this](const Error& why) {
      agent_->unlinked(why);
      touched();
    });
    // The coordinator may be killed while it takes the link: in a step of its own.
    world_.timeline.after(Milliseconds(0), hub_.life(),
                          [&hub = hub_, theirs = theirs, name = name_,
                           evaluator = traits.evaluator] { hub.accept(theirs, name, evaluator); });
    link_ = mine;
    agent_->linked(mine, Welcome{});
    touched();
  });
}

void Site::work(const Task& task) {
  running_ = task;
  observer_.started(name_, task);
  const auto step = static_cast<std::uint64_t>(traits.step.count());
  const Milliseconds time(1 + world_.random.uniform_below(2 * step));
  world_.timeline.after(time, life_, [this, run = ++runs_] {
    if (run == runs_ && running_) finish(*running_);
  });
}

void Site::finish(const Task& task) {
  const Task done = task;
  running_.reset();
  const Result<TaskOutcome> outcome = outcome_of(done);
  if (traits.lie == Lie::kWrongRound && link_ && outcome) {
    for (const int step : {-1, 1}) {
      TaskKey key = done.key;
      key.round += static_cast<RoundNumber>(step);
      static_cast<void>(link_->send(TaskResult{key, *outcome}).has_value());
      key = done.key;
      key.attempt += static_cast<AttemptNumber>(step);
      static_cast<void>(link_->send(TaskResult{key, *outcome}).has_value());
    }
  }
  agent_->finished(
      {done.key, outcome ? *outcome : TaskFailure{Reason::kStorageFailed, "the disk is full"}});
  touched();
}

Result<BlobRef> Site::put(const Model& model) {
  const Bytes bytes = encode_safetensors(model);
  TRIB_TRY(digest, agent_->blobs().put(bytes));
  return BlobRef{digest, bytes.size()};
}

Result<TaskOutcome> Site::outcome_of(const Task& task) {
  switch (task.key.kind) {
    case TaskKind::kPrepare:
      return TaskOutcome{PrepareResult{
          {.training_rows = traits.rows, .validation_rows = 4, .numeric = {}, .categories = {}}}};
    case TaskKind::kInitialize: {
      TRIB_TRY(model, put(initial_model()));
      return TaskOutcome{InitializeResult{model}};
    }
    case TaskKind::kEvaluate: {
      EvaluationCounts counts;
      counts.examples = 4;
      counts.loss_units = static_cast<std::int64_t>(1000 / task.key.round);
      return TaskOutcome{EvaluateResult{counts}};
    }
    case TaskKind::kTrain:
      return train(task);
  }
  return make_error(ErrorCode::kInternal, "no such task");
}

Result<TaskOutcome> Site::train(const Task& task) {
  TRIB_TRY(bytes, agent_->blobs().read(task.model.digest));
  TRIB_TRY(base, decode_safetensors(bytes));
  const Digest seed = traits.lie == Lie::kStaleUpdate ? Digest{} : task.model.digest;
  Model update = update_of(name_, seed, base.layout);
  TrainResult trained{{}, traits.rows, 0.5, 0.25, 0.01};
  if (traits.lie == Lie::kNotFinite) update.values[0] = std::nanf("");
  if (traits.lie == Lie::kOutOfBounds) update.values[0] = 1e6f;
  if (traits.lie == Lie::kWrongShape)
    update = {{{{"w", {4}}, {"b", {1}}}}, std::vector<float>(5, 0.5f)};
  if (traits.lie == Lie::kTooManyRows) trained.examples = traits.rows << 20;
  TRIB_TRY(stored, put(update));
  if (traits.lie == Lie::kGarbage) {
    TRIB_TRY(digest, agent_->blobs().put(as_bytes("no model at all")));
    stored = {digest, 15};
  }
  if (traits.lie == Lie::kWrongDigest) stored.digest.bytes[0] ^= std::byte{1};
  observer_.made(stored.digest, update);
  trained.update = stored;
  return TaskOutcome{trained};
}

void Site::touched() {
  if (!agent_) return;
  const std::optional<TimePoint> wake = agent_->next_wake();
  if (!wake || (armed_ && *armed_ <= *wake && *armed_ > world_.timeline.now())) return;
  armed_ = std::max(*wake, world_.timeline.now());
  world_.timeline.after(*armed_ - world_.timeline.now(), life_, [this, at = *armed_] {
    if (armed_ == at) armed_.reset();
    const std::optional<TimePoint> due = agent_->next_wake();
    if (due && *due <= world_.timeline.now()) agent_->pass_time();
    touched();
  });
}

}  // namespace tributary::sim
