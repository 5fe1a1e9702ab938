// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/config/job_file.h"
#include "coordinator/ctl/commands.h"
#include "coordinator/ctl/tables.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json summary_json(const JobSummary& job) {
  return {{"job", job.job.value},
          {"name", job.name},
          {"state", job.state},
          {"detail", job.detail},
          {"round", job.round},
          {"rounds", job.rounds},
          {"best_round", job.best_round},
          {"submitted", format_utc(job.submitted_wall_ms)},
          {"loss", optional_json(job.loss)},
          {"accuracy", optional_json(job.accuracy)},
          {"auc", optional_json(job.auc)},
          {"f1", optional_json(job.f1)}};
}

TableRow summary_row(const JobSummary& job) {
  return {job.job.value,
          job.state,
          std::to_string(job.round) + "/" + std::to_string(job.rounds),
          figure(job.loss),
          figure(job.accuracy),
          figure(job.auc),
          std::to_string(job.best_round),
          format_utc(job.submitted_wall_ms)};
}

void print_jobs(const std::vector<JobSummary>& jobs) {
  if (jobs.empty()) {
    std::cout << "no jobs; submit one with `tributaryctl job submit job.yaml`\n";
    return;
  }
  std::vector<TableRow> rows = {
      {"JOB", "STATE", "ROUND", "LOSS", "ACCURACY", "AUC", "BEST", "SUBMITTED"}};
  for (const JobSummary& job : jobs) rows.push_back(summary_row(job));
  print_table(std::cout, rows);
}

// Without a token of the user's, each submit is a job of its own.
std::string fresh_token() {
  std::random_device random;
  return std::to_string(random()) + "-" + std::to_string(random());
}

Json round_json(const RoundRow& round) {
  Json participants = Json::array();
  for (const ParticipantRow& one : round.participants) {
    participants.push_back({{"site", one.site.value},
                            {"reason", one.reason},
                            {"detail", one.detail},
                            {"bytes", one.bytes},
                            {"examples", one.examples},
                            {"seconds", one.seconds},
                            {"loss", one.loss},
                            {"norm", one.norm}});
  }
  return {{"round", round.round},
          {"attempt", round.attempt},
          {"task", round.task},
          {"outcome", round.outcome},
          {"seconds", round.seconds},
          {"examples", round.examples},
          {"norm", round.update_norm},
          {"model", round.model.hex()},
          {"loss", optional_json(round.loss)},
          {"accuracy", optional_json(round.accuracy)},
          {"auc", optional_json(round.auc)},
          {"f1", optional_json(round.f1)},
          {"participants", participants}};
}

}  // namespace

Status job_submit(Connection& connection, const std::string& path, const std::string& token,
                  bool watch) {
  const auto files = make_file_system();
  TRIB_TRY(bytes, files->read(path, limits::kJobDocumentBytesMax));
  SubmitJob submit{std::string(as_text(bytes)), token.empty() ? fresh_token() : token, {}};
  TRIB_TRY(job, parse_job(submit.document, path));
  if (!job.model_path.empty()) {
    TRIB_TRY(module, files->read(resolve_path(job.model_path, path), limits::kBlobBytesMax));
    TRIB_TRY(offered, connection.offer(module));
    submit.model_file = offered;
  }
  TRIB_TRY(submitted, connection.ask<JobSubmitted>(submit));
  std::cout << submitted.job.value << std::endl;
  if (submitted.existed) std::cerr << "the same job with the same token was submitted before\n";
  return watch ? watch_job(connection, submitted.job.value) : Status{};
}

Status job_list(Connection& connection, bool json) {
  TRIB_TRY(list, connection.ask<JobList>(ListJobs{}));
  if (!json) {
    print_jobs(list.jobs);
    return {};
  }
  Json jobs = Json::array();
  for (const JobSummary& job : list.jobs) jobs.push_back(summary_json(job));
  std::cout << jobs.dump(2) << "\n";
  return {};
}

Status job_show(Connection& connection, const std::string& job, bool json) {
  TRIB_TRY(detail, connection.ask_pages<ShowJob>(job));
  if (json) {
    Json rounds = Json::array();
    for (const RoundRow& round : detail.rounds) rounds.push_back(round_json(round));
    std::cout << Json{{"summary", summary_json(detail.summary)}, {"rounds", rounds}}.dump(2)
              << "\n";
    return {};
  }
  print_jobs({detail.summary});
  if (!detail.summary.detail.empty()) std::cout << detail.summary.detail << "\n";
  std::vector<TableRow> rows = {{"ROUND", "TASK", "TRY", "SITE", "OUTCOME", "ROWS", "SENT", "TIME",
                                 "LOSS", "ACCURACY", "AUC", "DETAIL"}};
  for (const RoundRow& round : detail.rounds) {
    rows.push_back({std::to_string(round.round), round.task, std::to_string(round.attempt), "(all)",
                    round.outcome, std::to_string(round.examples), "", seconds_text(round.seconds),
                    figure(round.loss), figure(round.accuracy), figure(round.auc), ""});
    for (const ParticipantRow& one : round.participants) {
      rows.push_back({"", "", "", one.site.value, one.reason, std::to_string(one.examples),
                      bytes_text(one.bytes), seconds_text(one.seconds), figure(one.loss), "", "",
                      one.detail});
    }
  }
  std::cout << "\n";
  print_table(std::cout, rows);
  return {};
}

Status job_abort(Connection& connection, const std::string& job, const std::string& why) {
  TRIB_TRY(aborted, connection.ask<JobAborted>(AbortJob{JobId{job}, why}));
  std::cout << "aborted " << aborted.job.value << "\n";
  return {};
}

Status show_status(Connection& connection, bool json) {
  TRIB_TRY(status, connection.ask<StatusReply>(GetStatus{}));
  if (json) {
    Json sites = Json::array(), jobs = Json::array();
    for (const SiteRow& site : status.sites) {
      sites.push_back({{"site", site.site.value},
                       {"online", site.online},
                       {"doing", site.doing},
                       {"address", site.address},
                       {"software", site.software},
                       {"datasets", site.datasets},
                       {"last_seen", format_utc(site.last_seen_wall_ms)}});
    }
    for (const JobSummary& job : status.jobs) jobs.push_back(summary_json(job));
    std::cout << Json{{"software", status.software},
                      {"uptime_ms", status.uptime_ms},
                      {"sites", sites},
                      {"jobs", jobs}}
                     .dump(2)
              << "\n";
    return {};
  }
  std::cout << status.software << ", up "
            << seconds_text(static_cast<double>(status.uptime_ms) / 1000) << "\n\n";
  std::vector<TableRow> rows = {{"SITE", "LINK", "DOING", "DATASETS", "LAST SEEN"}};
  for (const SiteRow& site : status.sites) {
    std::string datasets;
    for (const std::string& name : site.datasets) datasets += (datasets.empty() ? "" : ",") + name;
    rows.push_back({site.site.value, site.online ? "up" : "down",
                    site.doing.empty() ? "-" : site.doing, datasets,
                    format_utc(site.last_seen_wall_ms)});
  }
  print_table(std::cout, rows);
  std::cout << "\n";
  print_jobs(status.jobs);
  return {};
}

Status model_get(Connection& connection, const std::string& job, const std::string& round,
                 const std::string& out) {
  TRIB_TRY(info, connection.ask<ModelInfo>(GetModel{JobId{job}, round}));
  TRIB_TRY(bytes, connection.fetch(info.model));
  const std::string path =
      out.empty() ? job + "-round-" + std::to_string(info.round) + ".safetensors" : out;
  TRIB_CHECK_OK(make_file_system()->write_durably(path, bytes));
  std::cout << path << "\n";
  std::cerr << "round " << info.round << ", " << bytes_text(bytes.size()) << ", sha256 "
            << info.model.digest.hex() << "\n";
  return {};
}

}  // namespace tributary
