// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/sites.h"

#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <mutex>
#include <thread>

#include "client/agent/site_agent.h"
#include "common/base/random_source.h"
#include "common/crypto/digest.h"
#include "common/tensor/safetensors.h"
#include "common/transport/dialer.h"
#include "common/transport/spawn.h"
#include "common/transport/work_queue.h"

namespace tributary::bench {
namespace {

using std::chrono::steady_clock;

// A model or update that lies in a file, to be had by any store without a copy.
struct Template {
  std::string path;
  BlobRef blob;
};

Template make_template(const std::string& path, const Model& model) {
  FILE* file = std::fopen(path.c_str(), "wb");
  TRIB_ASSERT(file != nullptr, "cannot write an update");
  Hasher hasher;
  std::uint64_t size = 0;
  const Bytes head = encode_safetensors_head(model.layout);
  for (const ByteView part : {ByteView(head), std::as_bytes(std::span(model.values))}) {
    TRIB_ASSERT(std::fwrite(part.data(), 1, part.size(), file) == part.size(),
                "cannot write an update");
    hasher.update(part);
    size += part.size();
  }
  TRIB_ASSERT(std::fclose(file) == 0, "cannot write an update");
  return {path, {hasher.finish(), size}};
}

// Of all sites together; on their thread.
struct Uploads {
  bool hold_odd_rounds = false;
  std::size_t sites = 0;
  std::vector<std::function<void()>> held;
  std::size_t accepted = 0;
  steady_clock::time_point released;
  std::mutex mutex;
  std::vector<Seconds> took;

  static bool is_odd(RoundNumber round) { return round % 2 == 1; }
  void ready(RoundNumber round, std::function<void()> finish) {
    if (!hold_odd_rounds || !is_odd(round)) return finish();
    held.push_back(std::move(finish));
    if (held.size() < sites) return;
    accepted = 0;
    released = steady_clock::now();
    for (const auto& each : std::exchange(held, {})) each();
  }
  void on_accepted(RoundNumber round) {
    if (!is_odd(round) || ++accepted != sites) return;
    const std::lock_guard lock(mutex);
    took.push_back(steady_clock::now() - released);
  }
};

class Site final : public LinkHandler {
 public:
  struct World {
    asio::io_context& io;
    asio::thread_pool& storage;
    const Clock& clock;
    FileSystem& files;
    EventLog& log;
    Uploads& uploads;
    DialTarget target;
    Template initial;
  };

  Site(World& world, const TlsFiles& tls, const std::string& state_dir, Template update)
      : world_(world), random_(update.blob.bytes), update_(std::move(update)) {
    context_ = *TlsContext::load_as(PeerRole::kSite, tls);
    agent_ = *SiteAgent::open(
        state_dir,
        {world.clock, world.files, random_, world.log,
         [this] { spawn(world_.io, dial_once(this)); }, [this](const Task& task) { work(task); },
         [](const TaskKey&) {}, work_queue_on(world.storage, world.io)});
  }
  void start() { agent_->start(); }
  void stop() { agent_->stop(); }
  bool stopped() const { return agent_->stopped(); }
  bool linked() const { return linked_; }
  void pass_time() {
    const std::optional<TimePoint> wake = agent_->next_wake();
    if (wake && *wake <= world_.clock.now()) agent_->pass_time();
  }

  Status on_message(const Message& message) override {
    const auto* verdict = std::get_if<TaskVerdict>(&message);
    if (verdict != nullptr && verdict->key.kind == TaskKind::kTrain &&
        verdict->reason == Reason::kAccepted)
      world_.uploads.on_accepted(verdict->key.round);
    return agent_->on_message(message);
  }
  Status on_chunk(std::uint32_t stream, Chunk chunk) override {
    return agent_->on_chunk(stream, std::move(chunk));
  }

 private:
  static asio::awaitable<void> dial_once(Site* self) {
    Hello hello;
    hello.software = "tributary-bench";
    hello.datasets = {"bench"};
    const Result<Dialed> dialed = co_await dial(self->world_.target, self->context_, hello);
    if (!dialed) {
      self->agent_->unlinked(dialed.error());
    } else if (const auto* goodbye = std::get_if<Goodbye>(&*dialed)) {
      self->agent_->sent_away(*goodbye);
    } else {
      const std::shared_ptr<FrameLink> link = std::get<DialedLink>(*dialed).link;
      self->agent_->linked(link, std::get<DialedLink>(*dialed).welcome);
      self->linked_ = true;
      const Error why = co_await link->run(*self);
      self->linked_ = false;
      self->agent_->unlinked(why);
    }
  }

  void work(const Task& task) {
    asio::post(world_.io, [this, key = task.key] {
      switch (key.kind) {
        case TaskKind::kPrepare:
          return agent_->finished(
              {key,
               PrepareResult{
                   {.training_rows = 100, .validation_rows = 1, .numeric = {}, .categories = {}}}});
        case TaskKind::kInitialize:
          return agent_->finished({key, InitializeResult{take(world_.initial)}});
        case TaskKind::kTrain:
          return world_.uploads.ready(key.round, [this, key] {
            agent_->finished({key, TrainResult{take(update_), 100, 0.5, 1.0, 0.0}});
          });
        case TaskKind::kEvaluate: {
          EvaluationCounts counts;
          counts.examples = 1;
          return agent_->finished({key, EvaluateResult{counts}});
        }
      }
    });
  }

  // As if it had been made just now.
  BlobRef take(const Template& from) {
    const std::string path = agent_->blobs().path(from.blob.digest);
    if (::link(from.path.c_str(), path.c_str()) != 0)
      TRIB_ASSERT(errno == EEXIST, "cannot link an update");
    return from.blob;
  }

  World& world_;
  SeededRandom random_;
  Template update_;
  std::shared_ptr<TlsContext> context_;
  std::unique_ptr<SiteAgent> agent_;
  std::atomic<bool> linked_{false};
};

}  // namespace

struct Sites::Impl {
  asio::io_context io{1};
  SystemClock clock;
  std::unique_ptr<FileSystem> files = make_file_system();
  std::unique_ptr<EventLog> log = *EventLog::open({.text_fd = -1}, clock);
  Uploads uploads;
  std::optional<Site::World> world;
  std::vector<std::unique_ptr<Site>> sites;
  std::size_t started = 0;
  asio::steady_timer tick{io};
  std::thread thread;
  asio::thread_pool storage{1};

  std::size_t linked() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(sites, [](const auto& site) { return site->linked(); }));
  }
  // A coordinator greets only so many at once, and a handshake has its time.
  void start_some() {
    for (const std::size_t most = linked() + 32; started < std::min(most, sites.size()); ++started)
      sites[started]->start();
  }
  void on_tick() {
    tick.expires_after(std::chrono::milliseconds(20));
    tick.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      start_some();
      for (const auto& site : sites) site->pass_time();
      if (std::ranges::all_of(sites, [](const auto& site) { return site->stopped(); })) return;
      on_tick();
    });
  }
};

Sites::Sites(Federation& federation, const std::string& folder, SitesOptions options)
    : impl_(std::make_unique<Impl>()) {
  std::filesystem::create_directories(folder);
  Model model{{{{"w", {static_cast<std::int64_t>(options.values)}}}},
              std::vector<float>(options.values)};
  const Template initial = make_template(folder + "/initial", model);
  SeededRandom random(7);
  for (float& value : model.values) value = static_cast<float>(random.uniform() - 0.5) * 0.01f;
  impl_->uploads.hold_odd_rounds = options.hold_odd_rounds;
  impl_->uploads.sites = static_cast<std::size_t>(options.count);
  impl_->world.emplace(Site::World{impl_->io,
                                   impl_->storage,
                                   impl_->clock,
                                   *impl_->files,
                                   *impl_->log,
                                   impl_->uploads,
                                   {"127.0.0.1", federation.port(), "coordinator"},
                                   initial});
  for (int i = 0; i < options.count; ++i) {
    const std::string name = "site-" + std::to_string(i);
    model.values[0] = static_cast<float>(i) * 0.001f;  // equal bytes would be one blob
    impl_->sites.push_back(
        std::make_unique<Site>(*impl_->world, federation.tls_of("site", name), folder + "/" + name,
                               make_template(folder + "/" + name + ".update", model)));
  }
  impl_->on_tick();
  impl_->thread = std::thread([io = &impl_->io] { io->run(); });
  const bool here = wait_until([&] { return connected() == impl_->sites.size(); },
                               std::chrono::seconds(60 + options.count / 20));
  TRIB_ASSERT(here, "not all sites could connect");
}

Sites::~Sites() {
  asio::post(impl_->io, [this] {
    for (const auto& site : impl_->sites) site->stop();
  });
  impl_->thread.join();
}

std::size_t Sites::connected() const { return impl_->linked(); }

std::vector<Seconds> Sites::uploads() const {
  const std::lock_guard lock(impl_->uploads.mutex);
  return impl_->uploads.took;
}

}  // namespace tributary::bench
