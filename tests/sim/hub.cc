// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/hub.h"

#include <algorithm>

#include "common/base/assert.h"

namespace tributary::sim {

Hub::Hub(Surroundings world, EngineOptions options, Observer observer)
    : world_(world),
      options_(options),
      observer_(std::move(observer)),
      staging_memory_(world.random.uniform_below(2) * world.random.uniform_below(2'000)) {}

std::string Hub::model_path(const JobId& job, RoundNumber round) const {
  return models_ ? models_->model_path(job, round) : "";
}

void Hub::start() {
  blobs_ = std::make_unique<Staging>(*BlobStore::open(disk, "hub/blobs"), staging_memory_);
  models_ = std::make_unique<ModelRepository>(disk, "hub/models");
  store_ = std::make_unique<MemoryStore>(tables, [this](const RoundEffects& effects) -> Status {
    fuse.burn();  // just before the transaction, or just after the one before
    constexpr std::uint64_t kRecordBytes = 200;  // about what a transaction takes
    if (disk.used() + kRecordBytes > disk.capacity)
      return make_error(ErrorCode::kResourceExhausted, "no space left on device");
    observer_.storing(effects);
    return {};
  });
  const auto to_engine = [this](std::function<void()> work) {
    fuse.burn();
    ++outstanding_;
    world_.timeline.after(Milliseconds(0), life_, [this, work = std::move(work)] {
      --outstanding_;
      work();
      touched();
    });
  };
  sessions_ =
      std::make_unique<SiteSessions>(SiteSessions::Ports{world_.timeline.clock(),
                                                         *blobs_,
                                                         *store_,
                                                         world_.log,
                                                         {},
                                                         {.rate = 2},
                                                         "sim",
                                                         to_engine,
                                                         [this] { return uploads_of_a_link(); }});
  driver_ = std::make_unique<Driver>(
      DriverPorts{world_.timeline.clock(),
                  *store_,
                  *blobs_,
                  *models_,
                  *sessions_,
                  [this](const Report& report) {
                    fuse.burn();
                    observer_.reported(report);
                  },
                  to_engine,
                  [this](const JobId& job, std::function<void()> work) {
                    work_later(job, std::move(work));
                  },
                  one_after_another,
                  {},
                  [this](const JobId&) {
                    return std::make_unique<SeededRandom>(world_.random.next_u64());
                  }},
      options_);
  sessions_->set_driver(driver_.get());
  const Status recovered = driver_->recover();
  TRIB_ASSERT(recovered, recovered ? "" : recovered.error().message.c_str());
  touched();
}

// The calls of one job one after another, each after some time.
void Hub::work_later(const JobId& job, std::function<void()> work) {
  fuse.burn();
  TimePoint& busy = worker_busy_until_[job];
  busy = std::max(busy, world_.timeline.now()) + Milliseconds(world_.random.uniform_below(20));
  ++outstanding_;
  world_.timeline.after(busy - world_.timeline.now(), life_, [this, work = std::move(work)] {
    --outstanding_;
    work();
  });
}

void Hub::kill(Death death) {
  fuse.put_out();
  life_.end();
  world_.network.die_all(1);  // sessions end before what they use
  uploads_.clear();
  driver_.reset();
  sessions_.reset();
  store_.reset();
  models_.reset();
  blobs_.reset();
  worker_busy_until_.clear();
  armed_.reset();
  outstanding_ = 0;
  if (death == Death::kPowerCut) disk.crash(world_.random);
}

// The disk is beside the link and takes its time; what it has taken may not be whole when the link
// breaks.
BlobTransfers::WorkQueue Hub::uploads_of_a_link() {
  return [this, busy = std::make_shared<TimePoint>()](std::function<void()> work,
                                                      std::function<void()> then) {
    *busy = std::max(*busy, world_.timeline.now()) + Milliseconds(world_.random.uniform_below(5));
    // Not in the timeline, which forgets nothing of a life that has ended: the store outlives this.
    uploads_[++last_upload_] = {std::move(work), std::move(then)};
    world_.timeline.after(*busy - world_.timeline.now(), life_, [this, id = last_upload_] {
      auto [one, answer] = std::move(uploads_.extract(id).mapped());
      one();
      one = nullptr;
      answer();
      touched();
    });
  };
}

Result<JobSubmitted> Hub::submit(const SubmitJob& job) {
  if (!up()) return make_error(ErrorCode::kUnavailable, "the coordinator is down");
  Result<JobSubmitted> submitted = driver_->submit(job);
  touched();
  return submitted;
}

void Hub::change(const JobId& job, const JobChanges& changes) {
  if (!up()) return;
  driver_->handle(JobChangeRequested{job, changes, "operator"});
  touched();
}

// What arrives goes through here, so that the timer follows.
class Touching final : public LinkHandler {
 public:
  Touching(std::shared_ptr<LinkHandler> handler, std::function<void()> touched)
      : handler_(std::move(handler)), touched_(std::move(touched)) {}
  Status on_message(const Message& message) override {
    const Status taken = handler_->on_message(message);
    touched_();
    return taken;
  }
  Status on_chunk(std::uint32_t stream, Chunk chunk) override {
    const Status taken = handler_->on_chunk(stream, std::move(chunk));
    touched_();
    return taken;
  }

 private:
  std::shared_ptr<LinkHandler> handler_;
  std::function<void()> touched_;
};

void Hub::accept(const std::shared_ptr<End>& end, const std::string& site, bool evaluator) {
  Hello hello;
  hello.datasets = {"d"};
  const std::shared_ptr<LinkHandler> handler =
      sessions_->admit(end, SiteName{site}, "sim", hello, evaluator);
  if (handler) {
    end->attach(std::make_shared<Touching>(handler, [this] { touched(); }),
                [this, handler](const Error& why) {
                  sessions_->ended(handler, why);
                  touched();
                });
  }
  touched();
}

std::optional<TimePoint> Hub::next_wake() const {
  const std::optional<TimePoint> driver = driver_->next_wake();
  const std::optional<TimePoint> sessions = sessions_->next_wake();
  return driver && sessions ? std::min(*driver, *sessions) : driver ? driver : sessions;
}

void Hub::touched() {
  const std::optional<TimePoint> wake = next_wake();
  if (!wake || (armed_ && *armed_ <= *wake && *armed_ > world_.timeline.now())) return;
  armed_ = std::max(*wake, world_.timeline.now());
  world_.timeline.after(*armed_ - world_.timeline.now(), life_, [this, at = *armed_] {
    if (armed_ == at) armed_.reset();
    sessions_->pass_time();
    const std::optional<TimePoint> due = driver_->next_wake();
    if (due && *due <= world_.timeline.now()) driver_->handle(TimePassed{});
    touched();
  });
}

}  // namespace tributary::sim
