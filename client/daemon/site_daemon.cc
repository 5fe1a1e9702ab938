// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/site_daemon.h"

#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdlib>
#include <random>

#include "client/agent/certificate_renewal.h"
#include "client/agent/site_agent.h"
#include "client/confined/confined_learner.h"
#include "client/daemon/dataset_files.h"
#include "client/daemon/shared_trust.h"
#include "client/daemon/site_rules.h"
#include "client/daemon/sum_desk.h"
#include "client/policy/policy_check.h"
#include "client/work/site_data.h"
#include "client/work/task_runner.h"
#include "common/audit/papers.h"
#include "common/base/limits.h"
#include "common/base/random_source.h"
#include "common/base/version.h"
#include "common/base/words.h"
#include "common/storage/directory_lock.h"
#include "common/transport/credentials.h"
#include "common/transport/dialer.h"
#include "common/transport/spawn.h"
#include "common/transport/work_queue.h"

namespace tributary {
namespace {

constexpr std::chrono::milliseconds kTick{50};
constexpr Milliseconds kDecisionsLook{10'000};

// The site's agent with real sockets, a real clock and a thread that trains.
class Daemon {
 public:
  Daemon(const ClientConfig& config, ReadConfig<ClientConfig> again, EventLog& log,
         const Clock& clock)
      : config_(config),
        read_again_(std::move(again)),
        log_(log),
        clock_(clock),
        random_(std::random_device{}()),
        data_(config.datasets),
        checkpoints_(*files_, config.state_dir + "/checkpoints") {}

  Status open() {
    TRIB_CHECK_OK(files_->make_directories(config_.state_dir));
    TRIB_TRY(lock, DirectoryLock::acquire(config_.state_dir));
    lock_ = std::move(lock);
    TRIB_CHECK_OK(CertificateRenewal::recover(*files_, config_.tls));
    TRIB_TRY(credentials, Credentials::load(PeerRole::kSite, config_.tls, log_, clock_));
    credentials_.emplace(std::move(credentials));
    renewal_.emplace(
        CertificateRenewal::Ports{*files_, log_, clock_,
                                  [this](const TlsFiles& files) { return would_do(files); }},
        config_.tls, credentials_->own());
    if (credentials_->own().role == PeerRole::kEvaluator)
      data_.serve_evaluator(SiteName{credentials_->own().name});
    data_.keep_rows_in(config_.state_dir + "/rows", config_.memory_for_rows);
    TRIB_CHECK_OK(open_audit());
    TRIB_TRY(agent,
             SiteAgent::open(config_.state_dir,
                             {clock_, *files_, random_, log_, [this] { dial_coordinator(); },
                              [this](const Task& task) { train(task); },
                              [this](const TaskKey&) { stop_task_->store(true); },
                              work_queue_on(storage_, io_), audit_.get(),
                              [this](const Task& task, bool begun) { return refusal(task, begun); },
                              [this](const TaskKey& key) { return withheld(key); },
                              [this] { return renewal_->ask(); },
                              [this](const Message& news) { take_news(news); }, &pace_, &sums_}));
    agent_ = std::move(agent);
    TRIB_CHECK_OK(open_gate());
    TRIB_TRY(device, choose_device(config_.device));
    runner_.emplace(TaskRunner::Ports{
        SiteName{credentials_->own().name}, data_, agent_->blobs(),
        static_cast<int>(config_.threads), work_log(),
        Checkpointing{checkpoints_, clock_, Milliseconds(config_.checkpoint_every_ms),
                      [this] { return stopping_.load(); }},
        [this] { return free_resources(config_.state_dir); }, &*gate_,
        CarriedStore(*files_, config_.state_dir + "/carried"),
        PersonalModels{*files_, config_.state_dir + "/personal"},
        ledger_of(config_, *files_, clock_), credentials_->own().role == PeerRole::kEvaluator,
        SumGifts(*files_, config_.state_dir + "/sums"), learner_, device});
    open_sums();
    tell_missing_files(config_, log_);
    log_.record("client.started", {{"software", kSoftware},
                                   {"site", credentials_->own().name},
                                   {"coordinator", to_string(config_.coordinator)},
                                   {"datasets", joined(dataset_names(config_), ",")},
                                   {"state_dir", config_.state_dir},
                                   {"results", static_cast<std::int64_t>(agent_->results())}});
    return {};
  }

  void run() {
    wait_for_signal();
    tick();
    agent_->start();
    io_.run();
    if (!forced_) trainer_.join();
    sums_.stop();
    storage_.stop();
    storage_.join();
    log_.record(
        "client.stopped",
        {{"seconds", static_cast<double>((clock_.now() - stopping_since_).count()) / 1000.0}});
    // A batch that does not end in time is left behind; its task is done again after the start.
    if (forced_) std::_Exit(0);
  }

 private:
  Status open_audit() {
    TRIB_TRY(papers, own_papers());
    trust_.set(papers.trust);
    TRIB_TRY(audit, SiteAudit::open({*files_, clock_, log_}, config_.state_dir + "/audit",
                                    std::move(papers.signer), std::move(papers.trust)));
    audit_ = std::move(audit);
    return {};
  }
  void open_sums() {
    const std::string folder = config_.state_dir + "/sums";
    sums_.open({SiteName{credentials_->own().name}, SumGifts(*files_, folder),
                PastSumStore(*files_, folder + "/past.json"),
                GivenSums(*files_, folder + "/given.json"), agent_->blobs(), work_log(),
                [this]() -> Result<std::unique_ptr<SumNotary>> {
                  TRIB_TRY(papers, own_papers());
                  return notary_with(std::move(papers), clock_);
                },
                [this] { return least_secure_sites(config_.policy_file); }});
  }
  Status would_do(const TlsFiles& files) {
    TRIB_TRY(context, TlsContext::load_as(PeerRole::kSite, files));
    const std::shared_ptr<FrameLink> link = link_.lock();
    return link ? link->readmit(*context) : Status{};
  }
  // The link goes on with the certificate that it began with.
  void take_news(const Message& news) {
    if (const auto* answer = std::get_if<EnrolAnswer>(&news)) return renewal_->take(*answer);
    if (renewal_->take(std::get<TrustUpdate>(news)) && credentials_->reload()) renew();
  }
  Result<Papers> own_papers() { return read_papers(*files_, config_.tls); }
  void renew() {
    if (Result<Papers> papers = own_papers(); papers) {
      trust_.set(papers->trust);
      audit_->renew(std::move(papers->signer), std::move(papers->trust));
    } else {
      log_.record("certificates.kept", {{"detail", papers.error().message}});
    }
    drop_if_revoked();
  }

  // A fault in the policy is told at once; without its file the site is there, and nothing runs.
  Status open_gate() {
    const std::string& path = config_.policy_file;
    if (const auto policy = read_site_policy(path); !policy) {
      if (files_->exists(path)) return policy.error();
      log_.record("policy.unreadable", {{"detail", policy.error().message}});
    }
    gate_.emplace(JobGate::Ports{
        SiteName{credentials_->own().name}, [path] { return read_site_policy(path); },
        [this] { return trust_.get(); }, clock_, work_log(), known_jobs_of(config_, *files_)});
    return {};
  }

  void dial_coordinator() {
    log_.record("client.connecting", {{"coordinator", to_string(config_.coordinator)}});
    spawn(io_, dial_once(this));
  }

  static asio::awaitable<void> dial_once(Daemon* self) {
    DialTarget target{self->config_.coordinator.host, self->config_.coordinator.port,
                      self->config_.server_name};
    Hello hello;
    hello.software = kSoftware;
    hello.datasets = self->told_ = dataset_names(self->config_);
    const std::shared_ptr<TlsContext> context = self->credentials_->context();
    const TrustsPeer trusts = [self](const PeerIdentity& peer) { return self->trusts(peer); };
    const Result<Dialed> dialed = co_await dial(target, context, hello, trusts);
    if (!dialed) {
      self->agent_->unlinked(dialed.error());
    } else if (const auto* goodbye = std::get_if<Goodbye>(&*dialed)) {
      self->agent_->sent_away(*goodbye);
    } else {
      const std::shared_ptr<FrameLink> link = std::get<DialedLink>(*dialed).link;
      self->link_ = link;
      self->agent_->linked(link, std::get<DialedLink>(*dialed).welcome, link->peer().name);
      self->tell_datasets();
      const Error why = co_await link->run(*self->agent_);
      self->agent_->unlinked(why);
    }
    self->end_if_stopped();
  }

  // Without a policy nobody is the site's coordinator: it may have named one.
  Status trusts(const PeerIdentity& coordinator) {
    const auto policy = read_site_policy(config_.policy_file);
    if (!policy) {
      log_.record("policy.unreadable", {{"detail", policy.error().message}});
      return make_error(ErrorCode::kPermissionDenied,
                        "the site works for nobody: " + policy.error().message);
    }
    const Status trusted = permits_coordinator(*policy, coordinator.name, coordinator.fingerprint);
    if (trusted) return {};
    log_.record("coordinator.refused",
                {{"coordinator", coordinator.name}, {"detail", trusted.error().message}});
    return make_error(ErrorCode::kPermissionDenied, "the site does not work for this coordinator");
  }

  // The policy may have changed since the link was made.
  std::optional<Refused> distrusted() {
    const std::shared_ptr<FrameLink> link = link_.lock();
    const Status trusted = link ? trusts(link->peer()) : Status{};
    if (trusted) return {};
    if (!read_site_policy(config_.policy_file)) return unreadable_policy(trusted.error().message);
    return Refused{Reason::kPolicyDenied, "the site does not work for this coordinator",
                   trusted.error().message};
  }

  Status note_decisions() {
    decisions_noted_at_ = clock_.now();
    return tributary::note_decisions(known_jobs_of(config_, *files_), *audit_);
  }

  std::optional<TaskFailure> refusal(const Task& task, bool begun) {
    std::optional<Refused> refused = distrusted();
    if (const Status noted = note_decisions(); !refused && !noted) {
      refused = Refused{Reason::kStorageFailed, "the site could not use its own files",
                        noted.error().message};
    }
    if (!refused && begun) refused = gate_->hold(task);
    if (!refused && !begun) {
      const Admission admission = gate_->admit(task);
      if (const auto* why = std::get_if<Refused>(&admission)) refused = *why;
    }
    if (!refused) return {};
    return tell_refusal(work_log(), "task.failed", task.key, *refused);
  }

  std::optional<TaskFailure> withheld(const TaskKey& key) {
    std::optional<Refused> refused = distrusted();
    if (!refused) refused = gate_->withhold(key);
    if (!refused) return {};
    return tell_refusal(work_log(), "result.withheld", key, *refused);
  }

  WorkLog work_log() {
    return [this](const char* event, EventFields fields) { log_.relay(event, std::move(fields)); };
  }

  void train(const Task& task) {
    const auto stop = std::make_shared<std::atomic<bool>>(false);
    stop_task_ = stop;
    asio::post(trainer_, [this, task, stop] {
      const auto progress = [this, &task](std::uint64_t done, std::uint64_t total) {
        if (clock_.now() - last_progress_ < Milliseconds(limits::kProgressMs)) return;
        last_progress_ = clock_.now();
        asio::post(io_,
                   [this, key = task.key, done, total] { agent_->progressed(key, done, total); });
      };
      TaskResult result = runner_->run(
          task, [&stop] { return stop->load(); }, progress);
      asio::post(io_, [this, result = std::move(result)] {
        agent_->finished(result);
        asio::post(trainer_, [this, key = result.key] { runner_->ended(key); });
        end_if_stopped();
      });
    });
  }

  void tick() {
    tick_.expires_after(kTick);
    tick_.async_wait([this](const boost::system::error_code& cancelled) {
      // Stopped: a tick that was due already when end() cancelled it must not go on.
      if (cancelled || agent_->stopped()) return;
      const std::optional<TimePoint> wake = agent_->next_wake();
      if (wake && *wake <= clock_.now()) agent_->pass_time();
      agent_->go_on_uploads();
      credentials_->pass_time();
      if (clock_.now() >= renewal_->wake()) agent_->ask_for_news();
      // Those that no task asks for. What fails now is told when one does.
      if (clock_.now() - decisions_noted_at_ >= kDecisionsLook)
        static_cast<void>(note_decisions().has_value());
      if (agent_->stopped()) return end_if_stopped();
      tick();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
      if (cancelled) return;
      if (signal == SIGHUP) {
        reopen_log(log_, config_.log.file);
        if (credentials_->reload()) renew();
        renew_config();
        agent_->start();  // somebody has mended something: where it waits to dial, it waits no more
        return wait_for_signal();
      }
      stopping_since_ = clock_.now();
      stopping_ = true;
      log_.record("client.stopping", {{"why", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
      force_.emplace(io_.get_executor(), std::chrono::milliseconds(limits::kShutdownMs), [this] {
        forced_ = true;
        io_.stop();
      });
      agent_->stop();
      end_if_stopped();
    });
  }

  // The link goes on, unless the coordinator is one that would not be dialled any more.
  void drop_if_revoked() {
    const std::shared_ptr<FrameLink> link = link_.lock();
    if (!link) return;
    const Status still = link->readmit(*credentials_->context());
    if (!still)
      link->close(Error(still.error()).with_context("the coordinator is not trusted any more"));
  }

  // The training thread takes it up between two tasks, and before any that the new names bring.
  void renew_config() {
    if (!reload_config(config_, read_again_, log_)) return;
    tell_missing_files(config_, log_);
    asio::post(trainer_, [this, datasets = config_.datasets, every = config_.checkpoint_every_ms] {
      data_.renew(datasets);
      runner_->set_checkpoint_every(Milliseconds(every));
    });
    tell_datasets();
  }

  // Only a Hello tells them: the next link goes on where this one ends.
  void tell_datasets() {
    const std::shared_ptr<FrameLink> link = link_.lock();
    if (link && told_ != dataset_names(config_))
      link->close(make_error(ErrorCode::kUnavailable, "the site's datasets were changed"));
  }

  void end_if_stopped() {
    if (!agent_->stopped()) return;
    tick_.cancel();
    signals_.cancel();
    force_.reset();
  }

  ClientConfig config_;  // as it is in force; what changes is the link's thread's
  const ReadConfig<ClientConfig> read_again_;
  EventLog& log_;
  const Clock& clock_;
  SeededRandom random_;
  FileSiteData data_;
  const std::unique_ptr<FileSystem> files_ = make_file_system();
  CheckpointStore checkpoints_;  // the training thread's
  const ConfinedLearner learner_{
      {clock_, [this] { return free_resources(config_.state_dir).memory_bytes; }}};
  TimePoint stopping_since_;
  std::atomic<bool> stopping_{false};
  bool forced_ = false;  // the end did not come by itself in time

  UploadPace pace_{clock_, [this] { return upload_rate(config_.policy_file, clock_.wall_ms()); }};
  asio::io_context io_{1};  // outlives the agent's link, as the threads do the agent's queues
  asio::thread_pool trainer_{1}, storage_{1};
  ThreadSumDesk sums_{io_, [this](const auto& answers) { agent_->answer_sum(answers); }};
  std::unique_ptr<DirectoryLock> lock_;
  std::optional<Credentials> credentials_;
  std::optional<CertificateRenewal> renewal_;
  SharedTrust trust_;  // in signatures
  std::weak_ptr<FrameLink> link_;
  std::vector<std::string> told_;  // datasets, in the Hello of the last dial
  std::unique_ptr<SiteAudit> audit_;
  std::unique_ptr<SiteAgent> agent_;
  std::optional<JobGate> gate_;
  std::optional<TaskRunner> runner_;
  std::shared_ptr<std::atomic<bool>> stop_task_;
  TimePoint decisions_noted_at_;
  TimePoint last_progress_;  // the training thread's
  asio::steady_timer tick_{io_};
  asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGHUP};
  std::optional<Deadline> force_;
};

}  // namespace

Status run_client(const ClientConfig& config, ReadConfig<ClientConfig> again, EventLog& log,
                  const Clock& clock) {
  ::umask(S_IWGRP | S_IRWXO);  // what it writes is for its user, and for its group to read
  Daemon daemon(config, std::move(again), log, clock);
  TRIB_CHECK_OK(daemon.open());
  daemon.run();
  return {};
}

}  // namespace tributary
