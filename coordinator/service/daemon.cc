// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/daemon.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <thread>

#include "common/audit/papers.h"
#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/storage/directory_lock.h"
#include "common/transport/credentials.h"
#include "common/transport/listener.h"
#include "common/transport/spawn.h"
#include "common/transport/work_queue.h"
#include "common/trust/job_signing.h"
#include "coordinator/service/audit_exchange.h"
#include "coordinator/service/entrance.h"
#include "coordinator/service/shared_work.h"

namespace tributary {
namespace {

// How often waits of the engine are looked at: far below any deadline a job can set (100 ms).
constexpr std::chrono::milliseconds kTick{50};

// A link takes one descriptor: as many as the system lets us have, not the shell's default.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Error stopping_error() {
  return make_error(ErrorCode::kUnavailable, "the coordinator is stopping");
}

class Daemon {
 public:
  Daemon(CoordinatorConfig config, ReadConfig<CoordinatorConfig> again, EventLog& log,
         const Clock& clock)
      : config_(std::move(config)),
        read_again_(std::move(again)),
        log_(log),
        clock_(clock),
        started_(clock.now()) {}

  Status open() {
    files_ = make_file_system();
    TRIB_CHECK_OK(files_->make_directories(config_.state_dir));
    TRIB_TRY(lock, DirectoryLock::acquire(config_.state_dir));
    lock_ = std::move(lock);
    TRIB_TRY(credentials, Credentials::load(PeerRole::kCoordinator, config_.tls, log_, clock_));
    credentials_.emplace(std::move(credentials));
    TRIB_TRY(access, OperatorAccess::open(config_));
    access_.emplace(std::move(access));
    TRIB_TRY(store,
             StateStore::open(config_.state_dir + "/state.sqlite",
                              [this](std::uint64_t records) { return open_trail(records); }));
    TRIB_TRY(blobs, BlobStore::open(*files_, config_.state_dir + "/blobs"));
    store_ = std::move(store);
    blobs_ = std::make_unique<Staging>(std::move(blobs), config_.staging_memory);
    models_ = std::make_unique<ModelRepository>(*files_, config_.state_dir + "/models");
    kept_sums_.emplace(*files_, config_.state_dir + "/sums");
    TRIB_TRY(registry, SiteRegistry::open(*store_, log_));
    registry_.emplace(std::move(registry));
    TRIB_CHECK_OK(open_enrolments());
    make_services();
    TRIB_TRY(listener,
             Listener::open(io_, config_.listen.host, config_.listen.port, credentials_->context(),
                            config_.admission.dials_per_address));
    listener_ = std::move(listener);
    log_.record("coordinator.started",
                {{"software", kSoftware},
                 {"listen", config_.listen.host + ":" + std::to_string(listener_->port())},
                 {"state_dir", config_.state_dir},
                 {"fingerprint", credentials_->own().fingerprint},
                 {"kernel_tls", kernel_offers_tls()}});
    return recover();
  }

  void run() {
    admit_guests();
    listener_->start(
        [this](std::shared_ptr<FrameLink> link, const Hello& hello) {
          if (stopping_) return sites_->send_away(*link, stopping_error());
          entrance_->admit(std::move(link), hello);
        },
        [this](const std::string& address, const Error& why) {
          entrance_->refusals().refused(address, why);
        },
        [this](const std::string& host) { entrance_->refusals().dropped(host); });
    wait_for_signal();
    tick();
    io_.run();
    pool_.stop();  // what is not done is in the journal, and done after the next start
    pool_.join();
    log_.record(
        "coordinator.stopped",
        {{"seconds", static_cast<double>((clock_.now() - stopping_since_).count()) / 1000.0}});
  }

 private:
  Result<AuditTrail*> open_trail(std::uint64_t records) {
    TRIB_TRY(papers, own_papers());
    const std::string folder = config_.state_dir + "/audit";
    TRIB_CHECK_OK(files_->make_directories(folder));
    const auto later = [this] { asio::post(io_, [this] { exchange_->sign(); }); };
    TRIB_TRY(trail, AuditTrail::open({*files_, clock_, later}, folder + "/audit.log", records,
                                     std::move(papers.signer)));
    trail_ = std::move(trail);
    exchange_.emplace(AuditExchange::Ports{
        *trail_, log_, std::move(papers.trust),
        [this](const SiteName& site, const Message& message) { sites_->send(site, message); },
        [this](const SiteName& site, const Error& why) { sites_->drop(site, why); },
        [this](std::function<void()> work, std::function<void()> then) {
          signature_checks_(std::move(work), std::move(then));
        }});
    later();  // what an earlier life did not come to sign
    return trail_.get();
  }

  Status open_enrolments() {
    TRIB_TRY(enrolments,
             Enrolments::open({clock_, *store_, log_, [this] { return exchange_->trust(); },
                               [this] { return credentials_->context()->lists(); },
                               [this](const SiteName& site, const std::string& fingerprint) {
                                 return registry_->permits(site, fingerprint);
                               },
                               [this](const SiteName& site, const Message& news) {
                                 sites_->send(site, news);
                               }}));
    enrolments_.emplace(std::move(enrolments));
    guests_.emplace(GuestSessions::Ports{*enrolments_, [this] { return exchange_->trust().roots; },
                                         std::string(kSoftware)});
    return {};
  }
  Result<Papers> own_papers() { return read_papers(*files_, config_.tls); }
  // The new files were found good as those of a link.
  void renew() {
    if (Result<Papers> papers = own_papers(); papers) {
      trail_->renew(std::move(papers->signer));
      exchange_->renew(std::move(papers->trust));
    } else {
      log_.record("certificates.kept", {{"detail", papers.error().message}});
    }
    admit_guests();
    listener_->renew(credentials_->context());
    enrolments_->lists_changed();
    end_untrusted_jobs();
  }

  // Operators who come with a token have no certificate to show.
  void admit_guests() {
    credentials_->context()->admit_guests(access_->takes_tokens() || enrolments_->expects_guests());
  }
  // Whoever is concerned dials again, and is met with what is in force now.
  void renew_access() {
    const Error why =
        make_error(ErrorCode::kUnavailable, "what operators may do here was changed; dial again");
    const OperatorAccess::Changed changed = access_->reload(log_);
    if (changed.roles) {
      operators_->close_all(why);
    } else if (changed.keys) {
      operators_->close_tokens(why);
    }
  }

  void make_services() {
    const auto to_engine = [this](std::function<void()> work) { asio::post(io_, std::move(work)); };
    sites_ = std::make_unique<SiteSessions>(SiteSessions::Ports{
        clock_, *blobs_, *store_, log_, config_.sites, config_.admission, std::string(kSoftware),
        to_engine, [this] { return work_queue_on(pool_, io_); }, config_.upload_memory,
        [this](const SiteName& site, const AuditCountersignature& message) {
          exchange_->on_countersignature(site, message);
        },
        [this](const SiteName& site, const RenewCertificate& message) {
          // A certificate that it cannot have is no reason to lose its work.
          if (const Status taken = enrolments_->renew(site, message); !taken)
            enrolments_->tell_refusal(site, "", taken.error().message);
          return Status{};
        }});
    DriverPorts ports{
        clock_,
        *store_,
        *blobs_,
        *models_,
        *sites_,
        [this](const Report& report) { log_.relay(report.event, report.fields); },
        to_engine,
        [this](const JobId& job, std::function<void()> work) {
          asio::post(strand(job), std::move(work));
        },
        shared_work([this](std::function<void()> work) { asio::post(pool_, std::move(work)); },
                    threads() - 1),
        [this](const JobId& id, const SubmitJob& request, const std::string& who) {
          return vouched(id, request, who);
        },
        {},
        [this] { return exchange_->trust(); },
        &*kept_sums_};
    driver_ = std::make_unique<Driver>(
        std::move(ports), EngineOptions{static_cast<std::size_t>(config_.running_jobs),
                                        static_cast<std::size_t>(config_.tasks_per_site)});
    sites_->set_driver(driver_.get());
    registry_->set_doors(
        [this](const SiteName& site, const Error& why) { return sites_->bar(site, why); },
        [this](const SiteName& site) { driver_->handle(SiteAllowed{site}); });
    api_ = std::make_unique<OperatorApi>(OperatorApi::Ports{clock_, *driver_, *store_, *models_,
                                                            std::string(kSoftware), started_,
                                                            *registry_, *enrolments_});
    operators_ = std::make_unique<OperatorSessions>(OperatorSessions::Ports{
        clock_, *access_, *api_, *blobs_, *models_, log_, std::string(kSoftware)});
    entrance_.emplace(Entrance::Ports{clock_, log_, *access_, *registry_, *exchange_, *enrolments_,
                                      *sites_, *operators_, *guests_});
  }

  Status vouched(const JobId& id, const SubmitJob& request, const std::string& who) {
    const JobManifest manifest{id, request.document, request.model_file.digest, request.dry_run};
    const auto signer =
        verify_job(exchange_->trust(), manifest, request.signature, clock_.wall_ms() / 1000,
                   roles_that_may(access_->roles(), OperatorAction::kSubmitJobs));
    if (!signer) return signer.error();
    if (signer->name == who) return {};
    return make_error(ErrorCode::kUnauthenticated, "the job is signed by '" + signer->name +
                                                       "', and submitted by '" + who + "'");
  }

  Status recover() {
    TRIB_TRY(sites, store_->sites());
    sites_->expect(sites);
    TRIB_TRY(records, store_->jobs());
    std::int64_t unfinished = 0, updates = 0;
    for (const JobRecord& record : records) {
      if (is_over(record.state)) continue;
      ++unfinished;
      TRIB_TRY(accepted, store_->accepted(record.id));
      updates += static_cast<std::int64_t>(accepted.size());
    }
    log_.record("state.recovered", {{"jobs", static_cast<std::int64_t>(records.size())},
                                    {"unfinished", unfinished},
                                    {"updates", updates}});
    TRIB_CHECK_OK(driver_->recover());
    end_untrusted_jobs();
    return {};
  }

  // No site would do anything for them: those of a version that did not sign, and those whose
  // submitter was revoked since. They would only wait until nobody remembers why.
  void end_untrusted_jobs() {
    std::vector<JobAbortRequested> ends;
    for (const JobMachine* job : driver_->engine().jobs()) {
      const JobRecord& record = job->record();
      if (job->over()) continue;
      const JobManifest manifest{record.id, record.document, record.model_file.digest,
                                 record.dry_run};
      const auto signer = verify_job(exchange_->trust(), manifest, record.signature,
                                     record.submitted_wall_ms / 1000,
                                     {kOperatorRoles.begin(), kOperatorRoles.end()});
      if (!signer) ends.push_back({record.id, signer.error().message + "; submit it again", true});
    }
    for (const JobAbortRequested& end : ends) driver_->handle(end);
  }

  std::size_t threads() const {
    return config_.threads > 0 ? static_cast<std::size_t>(config_.threads)
                               : std::max(1u, std::thread::hardware_concurrency());
  }

  asio::strand<asio::thread_pool::executor_type>& strand(const JobId& job) {
    return strands_.try_emplace(job, pool_.get_executor()).first->second;
  }

  void tick() {
    tick_.expires_after(kTick);
    tick_.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled || stopping_) return;
      const std::optional<TimePoint> wake = driver_->next_wake();
      if (wake && *wake <= clock_.now()) driver_->handle(TimePassed{});
      sites_->pass_time();
      entrance_->refusals().pass_time();
      credentials_->pass_time();
      admit_guests();
      tick();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
      if (cancelled) return;
      if (signal == SIGHUP) {
        reopen_log(log_, config_.log.file);
        if (credentials_->reload()) renew();
        renew_access();
        renew_config();
        return wait_for_signal();
      }
      stop(signal == SIGINT ? "SIGINT" : "SIGTERM");
    });
  }

  void renew_config() {
    if (!reload_config(config_, read_again_, log_)) return;
    sites_->renew(config_.sites, config_.admission);
    listener_->set_dials_per_address(config_.admission.dials_per_address);
  }

  void stop(const std::string& why) {
    stopping_ = true;
    stopping_since_ = clock_.now();
    log_.record("coordinator.stopping", {{"why", why}});
    listener_->stop();
    tick_.cancel();
    entrance_->close_all(stopping_error());
    // Links end by themselves within two seconds; whatever hangs longer is cut.
    force_.emplace(io_.get_executor(), std::chrono::milliseconds(limits::kShutdownMs / 2),
                   [this] { io_.stop(); });
    poll_end();
  }

  void poll_end() {
    tick_.expires_after(kTick);
    tick_.async_wait([this](const boost::system::error_code&) {
      if (entrance_->size() + listener_->greeting() == 0) return force_.reset();
      poll_end();
    });
  }

  CoordinatorConfig config_;  // as it is in force
  const ReadConfig<CoordinatorConfig> read_again_;
  EventLog& log_;
  const Clock& clock_;
  TimePoint started_;
  TimePoint stopping_since_;
  bool stopping_ = false;

  std::optional<Credentials> credentials_;
  std::optional<OperatorAccess> access_;
  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<DirectoryLock> lock_;
  std::unique_ptr<AuditTrail> trail_;
  std::optional<AuditExchange> exchange_;
  std::unique_ptr<StateStore> store_;
  std::unique_ptr<Staging> blobs_;
  std::unique_ptr<ModelRepository> models_;
  std::optional<KeptSums> kept_sums_;
  asio::io_context io_{1};
  asio::thread_pool pool_{threads()};
  std::map<JobId, asio::strand<asio::thread_pool::executor_type>> strands_;
  const BlobTransfers::WorkQueue signature_checks_ = work_queue_on(pool_, io_);
  std::optional<SiteRegistry> registry_;
  std::optional<Enrolments> enrolments_;
  std::optional<GuestSessions> guests_;
  std::unique_ptr<SiteSessions> sites_;
  std::unique_ptr<Driver> driver_;
  std::unique_ptr<OperatorApi> api_;
  std::unique_ptr<OperatorSessions> operators_;
  std::optional<Entrance> entrance_;
  std::shared_ptr<Listener> listener_;
  asio::steady_timer tick_{io_};
  asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGHUP};
  std::optional<Deadline> force_;
};

}  // namespace

Status run_coordinator(const CoordinatorConfig& config, ReadConfig<CoordinatorConfig> again,
                       EventLog& log, const Clock& clock) {
  raise_descriptor_limit();
  ::umask(S_IWGRP | S_IRWXO);  // what it writes is for its user, and for its group to read
  Daemon daemon(config, std::move(again), log, clock);
  TRIB_CHECK_OK(daemon.open());
  daemon.run();
  return {};
}

}  // namespace tributary
