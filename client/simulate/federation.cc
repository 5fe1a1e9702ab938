// SPDX-License-Identifier: Apache-2.0
#include "client/simulate/federation.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "common/config/job_file.h"
#include "common/domain/figures.h"
#include "coordinator/service/model_repository.h"

namespace tributary {
namespace {

constexpr std::chrono::milliseconds kTick{20};

template <typename T>
const T* field(const Report& report, std::string_view name) {
  for (const auto& [key, value] : report.fields) {
    if (key == name) return std::get_if<T>(&value);
  }
  return nullptr;
}

FiguresTold figures_in(const Report& report) {
  const auto figure = [&report](std::string_view name) -> std::optional<double> {
    const double* value = field<double>(report, name);
    return value != nullptr ? std::optional(*value) : std::nullopt;
  };
  const std::int64_t* examples = field<std::int64_t>(report, "examples");
  FiguresTold told{examples != nullptr ? *examples : 0, figure("loss"), figure("accuracy"),
                   figure("auc")};
  for (const FigureRule& rule : figure_rules()) {
    if (const std::optional<double> value = figure(rule.name))
      told.all[std::string(rule.name)] = *value;
  }
  return told;
}

class Federation {
 public:
  explicit Federation(FederationRequest request)
      : request_(std::move(request)), started_(clock_.now()) {}

  Result<FederationOutcome> run() {
    TRIB_TRY(job, parse_job(request_.document, "job file"));
    TRIB_CHECK_OK(open());
    for (VirtualSite& site : request_.sites) sites_->add(std::move(site));
    if (request_.attack) sites_->attack(*std::move(request_.attack), job.spec);
    sites_->connect_all(*driver_, job.spec.data.dataset);
    TRIB_TRY(submitted, driver_->submit(SubmitJob{request_.document, "simulation", model_file_}));
    id_ = submitted.job;
    tick();
    engine_.run();
    sites_->join();
    pool_.join();
    if (!lacking_.empty()) return make_error(ErrorCode::kFailedPrecondition, lacking_);
    const JobRecord& record = driver_->engine().find(id_)->record();
    if (record.state == JobState::kFailed)
      return make_error(ErrorCode::kFailedPrecondition, "the job failed: " + record.detail);
    outcome_.model_path = models_->model_path(id_, record.round);
    outcome_.previous_path = models_->model_path(id_, record.round > 0 ? record.round - 1 : 0);
    outcome_.model.job = id_;
    outcome_.model.round = record.round;
    outcome_.model.plan = record.plan;
    outcome_.verdicts = sites_->verdicts();
    return std::move(outcome_);
  }

 private:
  Status open() {
    TRIB_TRY(store, StateStore::open(":memory:"));
    TRIB_TRY(blobs, BlobStore::open(*files_, request_.directory + "/blobs"));
    store_ = std::move(store);
    blobs_ = std::make_unique<Staging>(std::move(blobs), 0);
    if (!request_.module_bytes.empty()) {
      TRIB_TRY(module, blobs_->put(request_.module_bytes));
      model_file_ = {module, request_.module_bytes.size()};
    }
    models_ = std::make_unique<ModelRepository>(*files_, request_.directory + "/models");
    sites_ = std::make_unique<VirtualSites>(engine_, *blobs_, *files_,
                                            request_.directory + "/sites", request_.threads);
    driver_ = std::make_unique<Driver>(
        DriverPorts{
            clock_, *store_, *blobs_, *models_, *sites_,
            [this](const Report& report) { on_report(report); },
            [this](std::function<void()> work) { boost::asio::post(engine_, std::move(work)); },
            [this](const JobId&, std::function<void()> work) {
              boost::asio::post(pool_, std::move(work));
            }},
        EngineOptions{});
    return {};
  }

  void on_report(const Report& report) {
    if (report.event == "site.evaluated") {
      by_site_[*field<std::string>(report, "site")] = figures_in(report);
    } else if (report.event == "client.outcome") {
      const std::int64_t* bytes = field<std::int64_t>(report, "bytes");
      if (bytes == nullptr || *field<std::string>(report, "reason") != "accepted") return;
      if (const double* epsilon = field<double>(report, "epsilon"))
        epsilon_records_ = std::max(epsilon_records_.value_or(0.0), *epsilon);
      ++outcome_.updates;
      outcome_.update_bytes += static_cast<std::uint64_t>(*bytes);
    } else if (report.event == "round.committed") {
      const std::int64_t* delta = field<std::int64_t>(report, "delta_bytes");
      const std::int64_t* whole = field<std::int64_t>(report, "model_bytes");
      ++outcome_.models;
      outcome_.model_bytes += static_cast<std::uint64_t>(delta != nullptr ? *delta : *whole);
      if (const double* epsilon = field<double>(report, "epsilon")) epsilon_sites_ = *epsilon;
    } else if (report.event == "evaluation.finished") {
      const RoundTold told{static_cast<RoundNumber>(*field<std::int64_t>(report, "round")),
                           figures_in(report),
                           std::exchange(by_site_, {}),
                           static_cast<double>((clock_.now() - started_).count()) / 1000.0,
                           epsilon_sites_,
                           epsilon_records_};
      if (!request_.on_round(told)) abort("enough rounds");
    } else if (report.event == "job.waiting") {  // for sites that cannot come: all are here
      const std::string* missing = field<std::string>(report, "missing");
      const std::string* unfit = field<std::string>(report, "unfit");
      lacking_ = "the job waits for " + std::to_string(*field<std::int64_t>(report, "need")) +
                 " sites, and " + std::to_string(*field<std::int64_t>(report, "have")) +
                 " can take part; missing: " + *missing +
                 (unfit->empty() ? "" : "; unfit: " + *unfit);
      abort("too few sites");
    } else if (report.event == "job.finished" || report.event == "job.failed" ||
               report.event == "job.aborted") {
      if (const std::string* detail = field<std::string>(report, "detail"))
        outcome_.ended = *detail;
      over_ = true;
    }
  }

  void abort(const char* why) {
    boost::asio::post(engine_, [this, why] { driver_->handle(JobAbortRequested{id_, why}); });
  }

  void tick() {
    if (over_) return;
    timer_.expires_after(kTick);
    timer_.async_wait([this](const boost::system::error_code&) {
      const auto wake = driver_->next_wake();
      if (wake && *wake <= clock_.now()) driver_->handle(TimePassed{});
      tick();
    });
  }

  FederationRequest request_;
  SystemClock clock_;
  TimePoint started_;
  JobId id_;
  BlobRef model_file_;
  bool over_ = false;
  FederationOutcome outcome_;
  std::string lacking_;                         // why it cannot go on with the sites that there are
  std::map<std::string, FiguresTold> by_site_;  // of the evaluation under way
  std::optional<double> epsilon_sites_, epsilon_records_;
  std::unique_ptr<FileSystem> files_ = make_file_system(Durability::kNone);
  std::unique_ptr<StateStore> store_;
  std::unique_ptr<Staging> blobs_;
  std::unique_ptr<ModelRepository> models_;
  boost::asio::io_context engine_;
  boost::asio::thread_pool pool_{1};
  boost::asio::steady_timer timer_{engine_};
  std::unique_ptr<VirtualSites> sites_;
  std::unique_ptr<Driver> driver_;
};

}  // namespace

Result<FederationOutcome> run_federation(FederationRequest request) {
  return Federation(std::move(request)).run();
}

}  // namespace tributary
