// SPDX-License-Identifier: Apache-2.0
#include "client/agent/agent.h"

#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdlib>
#include <random>
#include <set>

#include "client/agent/result_store.h"
#include "client/agent/site_data.h"
#include "client/agent/task_runner.h"
#include "client/session/session.h"
#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/base/version.h"
#include "common/storage/directory_lock.h"
#include "common/transfer/blob_transfers.h"
#include "common/transport/dialer.h"
#include "common/transport/spawn.h"

namespace tributary {
namespace {

namespace ss = session;
constexpr std::chrono::milliseconds kTick{50};
constexpr Milliseconds kDay{24 * 3600 * 1000};

class Agent final : public LinkHandler {
 public:
  Agent(const ClientConfig& config, EventLog& log, const Clock& clock)
      : config_(config),
        log_(log),
        clock_(clock),
        random_(std::random_device{}()),
        session_(random_),
        data_(config.datasets) {}

  Status open() {
    files_ = make_file_system();
    TRIB_CHECK_OK(files_->make_directories(config_.state_dir));
    TRIB_TRY(lock, DirectoryLock::acquire(config_.state_dir));
    lock_ = std::move(lock);
    TRIB_TRY(context, TlsContext::load_as(PeerRole::kSite, config_.tls));
    context_ = std::move(context);
    TRIB_TRY(blobs, BlobStore::open(*files_, config_.state_dir + "/blobs"));
    blobs_ = std::move(blobs);
    TRIB_TRY(results, ResultStore::open(*files_, config_.state_dir + "/results"));
    results_.emplace(std::move(results));
    runner_.emplace(TaskRunner::Ports{
        SiteName{context_->own().name}, data_, *blobs_, static_cast<int>(config_.threads),
        [this](const char* event, EventFields fields) { log_.relay(event, std::move(fields)); }});
    return recover();
  }

  void run() {
    wait_for_signal();
    tick();
    dispatch(ss::Start{});
    io_.run();
    if (!forced_) trainer_.join();
    log_.record(
        "client.stopped",
        {{"seconds", static_cast<double>((clock_.now() - stopping_since_).count()) / 1000.0}});
    // A batch that does not end in time is left behind; its task is done again after the start.
    if (forced_) std::_Exit(0);
  }

  Status on_message(const Message& message) override {
    if (BlobTransfers::is_mine(message)) return transfers_->on_message(message);
    dispatch(ss::MessageReceived{message});
    return {};
  }
  Status on_chunk(std::uint32_t stream, ByteView bytes) override {
    return transfers_->on_chunk(stream, bytes);
  }
  // The coordinator may have our results, and nothing else that lies here.
  Result<std::unique_ptr<ReadFile>> open_own(const Digest& digest) const {
    if (!may_serve_.contains(digest))
      return make_error(ErrorCode::kPermissionDenied, "not a result of this site");
    return blobs_->open_blob(digest);
  }

  // One overload per effect of the session.
  void operator()(const ss::Dial&) {
    log_.record("client.connecting", {{"coordinator", to_string(config_.coordinator)}});
    spawn(io_, dial_once(this));
  }
  void operator()(const ss::Send& e) {
    if (link_) static_cast<void>(link_->send(e.message).has_value());
  }
  void operator()(const ss::CloseLink& e) {
    give_up_dial_ = link_ == nullptr;
    if (link_) link_->close(e.reason);
  }
  void operator()(const ss::FetchBlob& e) {
    if (blobs_->contains(e.blob.digest)) {
      dispatch(ss::BlobArrived{e.blob.digest});
    } else if (transfers_) {
      static_cast<void>(transfers_->fetch(e.blob).has_value());
    }
  }
  void operator()(const ss::DropBlob& e) {
    if (transfers_) transfers_->cancel(e.digest);
    note_failure(blobs_->remove(e.digest));
  }
  void operator()(const ss::StartTask& e) {
    const auto stop = std::make_shared<std::atomic<bool>>(false);
    stop_task_ = stop;
    asio::post(trainer_, [this, task = e.task, stop] {
      const auto progress = [this, &task](std::uint64_t done, std::uint64_t total) {
        if (clock_.now() - last_progress_ < Milliseconds(limits::kProgressMs)) return;
        last_progress_ = clock_.now();
        asio::post(io_, [this, key = task.key, done, total] {
          dispatch(ss::TaskProgressed{key, done, total});
        });
      };
      TaskResult result = runner_->run(
          task, [&stop] { return stop->load(); }, progress);
      asio::post(io_, [this, result = std::move(result)] { dispatch(ss::TaskFinished{result}); });
    });
  }
  void operator()(const ss::StopTask&) {
    if (stop_task_) stop_task_->store(true);
  }
  void operator()(const ss::KeepResult& e) {
    may_serve_.insert(ss::blob_of(e.result).digest);
    note_failure(results_->keep(e.result));
  }
  void operator()(const ss::ForgetResult& e) { note_failure(results_->forget(e.key)); }
  void operator()(const ss::Report& e) { log_.relay(e.event, e.fields); }

 private:
  Status recover() {
    std::vector<std::string> damaged;
    TRIB_TRY(kept, results_->load(damaged));
    for (const std::string& file : damaged) {
      log_.record("storage.failed",
                  {{"path", file},
                   {"detail", "a kept result could not be read; its task will be done again"}});
    }
    std::vector<Digest> wanted;
    for (const TaskResult& result : kept) wanted.push_back(ss::blob_of(result).digest);
    may_serve_.insert(wanted.begin(), wanted.end());
    TRIB_CHECK_OK(blobs_->remove_except(wanted));
    std::string names;
    for (const auto& [name, loader] : config_.datasets) names += (names.empty() ? "" : ",") + name;
    log_.record("client.started", {{"software", kSoftware},
                                   {"site", context_->own().name},
                                   {"coordinator", to_string(config_.coordinator)},
                                   {"datasets", names},
                                   {"state_dir", config_.state_dir},
                                   {"results", static_cast<std::int64_t>(kept.size())}});
    dispatch(ss::Recovered{std::move(kept)});
    return {};
  }

  // Effects may lead to events at once; those wait until the step under way is done.
  void dispatch(ss::SessionEvent event) {
    events_.push_back(std::move(event));
    if (handling_) return;
    handling_ = true;
    while (!events_.empty()) {
      const ss::SessionEvent next = std::move(events_.front());
      events_.pop_front();
      for (const ss::SessionEffect& effect : session_.handle(clock_.now(), next))
        std::visit(*this, effect);
    }
    handling_ = false;
    if (session_.stopped()) end();
  }

  static asio::awaitable<void> dial_once(Agent* self) {
    DialTarget target{self->config_.coordinator.host, self->config_.coordinator.port,
                      self->config_.server_name};
    Hello hello;
    hello.software = kSoftware;
    for (const auto& [name, loader] : self->config_.datasets) hello.datasets.push_back(name);
    Result<DialedLink> dialed = co_await dial(target, self->context_, hello);
    if (!dialed) {
      self->dispatch(ss::Disconnected{dialed.error()});
      co_return;
    }
    const std::shared_ptr<FrameLink> link = dialed->link;
    if (self->give_up_dial_)
      link->close(make_error(ErrorCode::kCancelled, "the site is shutting down"));
    self->open_link(link);
    const Error why = co_await link->run(*self);
    self->transfers_.reset();
    self->link_.reset();
    self->dispatch(ss::Disconnected{why});
  }

  void open_link(const std::shared_ptr<FrameLink>& link) {
    link_ = link;
    transfers_.emplace(
        *blobs_, *link, [this](const Digest& digest) { return open_own(digest); },
        [this](const BlobRef& blob, const Status& outcome) {
          if (outcome) return dispatch(ss::BlobArrived{blob.digest});
          note_failure(outcome);
          dispatch(ss::BlobFailed{blob.digest, outcome.error()});
        });
    if (!give_up_dial_) dispatch(ss::Connected{});
  }

  void warn_of_expiry() {
    if (clock_.now() < expiry_check_at_) return;
    expiry_check_at_ = clock_.now() + kDay;
    const std::int64_t days = context_->days_left();
    if (days <= limits::kExpiryWarningDays)
      log_.record("certificate.expiring", {{"subject", context_->own().name}, {"days", days}});
  }

  void note_failure(const Status& status) {
    if (status) return;
    if (status.error().code == ErrorCode::kResourceExhausted) {
      log_.record("disk.full", {{"path", config_.state_dir}, {"detail", status.error().message}});
    } else if (status.error().code == ErrorCode::kIo) {
      log_.record("storage.failed",
                  {{"path", config_.state_dir}, {"detail", status.error().message}});
    }
  }

  void tick() {
    tick_.expires_after(kTick);
    tick_.async_wait([this](const boost::system::error_code& cancelled) {
      // Stopped: a tick that was due already when end() cancelled it must not go on.
      if (cancelled || session_.stopped()) return;
      const std::optional<TimePoint> wake = session_.next_wake();
      if (wake && *wake <= clock_.now()) dispatch(ss::TimePassed{});
      warn_of_expiry();
      if (!session_.stopped()) tick();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
      if (cancelled) return;
      if (signal == SIGHUP) {
        reopen_log();
        return wait_for_signal();
      }
      stopping_since_ = clock_.now();
      log_.record("client.stopping", {{"why", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
      force_.emplace(io_.get_executor(), std::chrono::milliseconds(limits::kShutdownMs), [this] {
        forced_ = true;
        io_.stop();
      });
      dispatch(ss::Stop{});
    });
  }

  void reopen_log() {
    if (const Status reopened = log_.reopen(); reopened) {
      log_.record("log.reopened", {{"file", config_.log.file}});
    } else {
      note_failure(reopened);
    }
  }

  void end() {
    tick_.cancel();
    signals_.cancel();
    force_.reset();
  }

  const ClientConfig& config_;
  EventLog& log_;
  const Clock& clock_;
  SeededRandom random_;
  ss::Session session_;
  FileSiteData data_;
  TimePoint stopping_since_;

  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<DirectoryLock> lock_;
  std::shared_ptr<TlsContext> context_;
  TimePoint expiry_check_at_;
  std::unique_ptr<BlobStore> blobs_;
  std::optional<ResultStore> results_;
  std::optional<TaskRunner> runner_;
  std::set<Digest> may_serve_;  // what the coordinator may fetch: blobs of our own results
  std::deque<ss::SessionEvent> events_;
  bool handling_ = false;
  bool give_up_dial_ = false;
  bool forced_ = false;  // the end did not come by itself in time
  std::shared_ptr<std::atomic<bool>> stop_task_;
  TimePoint last_progress_;  // the training thread's

  asio::io_context io_{1};
  std::shared_ptr<FrameLink> link_;
  std::optional<BlobTransfers> transfers_;
  asio::steady_timer tick_{io_};
  asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGHUP};
  std::optional<Deadline> force_;
  asio::thread_pool trainer_{1};
};

}  // namespace

Status run_client(const ClientConfig& config, EventLog& log, const Clock& clock) {
  ::umask(S_IWGRP | S_IRWXO);  // what it writes is for its user, and for its group to read
  Agent agent(config, log, clock);
  TRIB_CHECK_OK(agent.open());
  agent.run();
  return {};
}

}  // namespace tributary
